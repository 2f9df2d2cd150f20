"""SendGrid Inbound Parse (https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/inbound-email), parsed and raw.

ECDSA P-256 with SHA-256 over timestamp and raw body. The timestamp is signed but has no tolerance here: SendGrid repeats
what got a 5xx for 72 h; the content's dedupe key stands against replays. A 4xx drops the mail.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from picloud.domain.errors import BadSignature, Invalid, PicloudError
from picloud.domain.strict_json import loads
from picloud.inbound import addresses, forms, mime, public_keys
from picloud.inbound.adapter import FORMS, Adapter
from picloud.inbound.loose import at, strings, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """Settings, Inbound Parse, Add Host & URL: the inbound URL; tick "POST the raw, full MIME message" for mails exactly as
they came. Attach a security policy with signatures (API: /v3/user/webhooks/security/policies); the trigger's secret is its
public key."""
_HEADER = "x-twilio-email-event-webhook-"
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def verify(request: Request, secrets: Sequence[str], now_s: float) -> None:
    timestamp = request.headers.get(_HEADER + "timestamp", "")
    signature = public_keys.from_base64(request.headers.get(_HEADER + "signature", ""))
    if not signature or not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature
    signed = timestamp.encode() + request.body
    if not any(public_keys.ecdsa_signed(key, signature, signed) for key in secrets):
        raise BadSignature


def messages(request: Request, *, signed: bool) -> list[Message]:
    form = forms.read(request)
    charsets = _json(form.text("charsets"))
    raw = form.fields.get("email")
    mail = mime.parse(raw) if raw is not None else _mail(form, charsets)
    envelope = _json(form.text("envelope"))
    mail.envelope_from, mail.envelope_to = text_at(envelope, "from"), strings(at(envelope, "to"))
    mail.remote_ip = form.text("sender_ip")
    mail.spf = form.text("SPF")
    mail.dkim = _dkim(form.text("dkim"))
    mail.spam_score = form.text("spam_score")
    if not (mail.headers or mail.sender or mail.envelope_from):
        raise Invalid("There is no mail in this form.")
    return [pack(mail, signed=signed)]


def _mail(form: forms.Form, charsets: Any) -> Mail:
    def field(name: str) -> str | None:
        return form.text(name, text_at(charsets, name))

    mail = mime.parse(form.fields.get("headers", b"") + b"\n\n")
    mail.sender = addresses.one(field("from") or "") or mail.sender
    mail.to = addresses.split(field("to") or "") or mail.to
    mail.cc = addresses.split(field("cc") or "") or mail.cc
    mail.subject = field("subject") if "subject" in form.fields else mail.subject
    mail.text, mail.html = field("text"), field("html")
    mail.attachments = _attachments(form)
    return mail


def _attachments(form: forms.Form) -> list[Attachment]:
    info = _json(form.text("attachment-info"))
    found = []
    for file in form.files:
        content_id = text_at(info, file.name, "content-id")
        name = text_at(info, file.name, "filename") or file.filename
        content_type = text_at(info, file.name, "type") or file.content_type
        disposition = "inline" if content_id else "attachment"
        found.append(Attachment(name, content_type, file.content, content_id, disposition))
    return found


def _dkim(value: str | None) -> str | None:
    """`{@example.org : pass}`."""
    return value.strip("{} ").rpartition(" : ")[2] or None if value else None


def _json(text: str | None) -> Any:
    """None where it is no JSON."""
    try:
        return loads((text or "null").encode("utf-8", "replace"))
    except PicloudError:
        return None


def sample(given: Sample) -> Request:
    envelope = json.dumps({"from": given.envelope_from, "to": given.envelope_to}).encode()
    return given.posted(*forms.written({"email": given.raw, "envelope": envelope}, given.id))


def cannot_sign(secret: str) -> str:
    return "SendGrid signs with the private key of its security policy, which it alone has."


ADAPTER = Adapter(
    media_types=FORMS,
    verify=verify,
    messages=messages,
    read_secret=public_keys.read_key,
    generate=None,
    setup=SETUP,
    sample=sample,
    cannot_sign=cannot_sign,
)
