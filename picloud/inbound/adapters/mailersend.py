"""MailerSend inbound routes (https://developers.mailersend.com/api/v1/inbound.html): JSON with the raw mail in it."""

from picloud.domain.errors import Invalid
from picloud.inbound import hex_hmac, mime
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.loose import at, contacts, json_object, text_at
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """Domains, Manage, Inbound, Add inbound route, Forward to: the inbound URL. The trigger's secret is the one that is shown
beside it."""


def messages(request: Request, *, signed: bool) -> list[Message]:
    document = json_object(request.body)
    data = at(document, "data")
    raw = text_at(data, "raw")
    if raw is None:
        raise Invalid("There is no mail in data.raw.")
    mail = mime.parse(raw.encode("utf-8", "replace"))
    mail.envelope_from = text_at(data, "sender", "email")
    mail.envelope_to = contacts(at(data, "recipients", "rcptTo"), "name", "email")
    mail.received_at = text_at(data, "created_at") or text_at(document, "created_at")
    spf, dkim = text_at(data, "spf_check", "code"), at(data, "dkim_check")
    mail.spf = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}.get(spf or "", spf)
    mail.dkim = {True: "pass", False: "fail"}.get(dkim) if isinstance(dkim, bool) else None
    mail.id = text_at(data, "id")
    return [pack(mail, signed=signed, identifier=mail.id)]


def sample(given: Sample) -> Request:
    data = {
        "id": given.id,
        "raw": given.raw.decode(),
        "sender": {"email": given.envelope_from},
        "recipients": {"rcptTo": [{"email": address} for address in given.envelope_to]},
    }
    document = {"type": "inbound.message", "data": data}
    unsigned = given.as_json(document)
    return given.as_json(document, {"signature": hex_hmac.signed(given.secret, unsigned.body)})


ADAPTER = Adapter(
    media_types=JSON,
    verify=hex_hmac.verifier("signature"),
    messages=messages,
    read_secret=hex_hmac.read_secret,
    generate=None,
    setup=SETUP,
    sample=sample,
)
