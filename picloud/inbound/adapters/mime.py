"""Raw mail as `message/rfc822`, signed like the normalized form: from `picloud-mail-pipe` and from one's own programs.

The HTTP headers are not signed, so the envelope stands in the mail: the sender puts `X-Envelope-From` and
`X-Envelope-To` before all other fields. Only there are they believed.
"""

from picloud.crypto import new_signing_secret
from picloud.inbound import addresses, signatures
from picloud.inbound.adapter import MIME, Adapter
from picloud.inbound.message import Message
from picloud.inbound.mime import parse
from picloud.inbound.packing import pack_signed_by_us
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample
from picloud.inbound.signing_secrets import read_secret

SETUP = """Pipe mail into `picloud-mail-pipe` from Postfix, OpenSMTPD or Exim, or POST it as `message/rfc822`, signed with
the secret (docs/howto/email-own-server.md)."""


def messages(request: Request, *, signed: bool) -> list[Message]:
    mail = parse(request.body)
    for name, value in mail.headers:
        if name.lower() == "x-envelope-from":
            mail.envelope_from = value
        elif name.lower() == "x-envelope-to":
            mail.envelope_to += addresses.split(value)
        else:
            break
    return [pack_signed_by_us(mail, request.headers, signed=signed)]


def sample(given: Sample) -> Request:
    envelope = [
        f"X-Envelope-From: <{given.envelope_from}>",
        *(f"X-Envelope-To: <{each}>" for each in given.envelope_to),
    ]
    body = "".join(f"{line}\r\n" for line in envelope).encode() + given.raw
    return given.signed("message/rfc822", body)


ADAPTER = Adapter(
    media_types=MIME,
    verify=lambda request, secrets, now_s: signatures.verify(request.headers, request.body, secrets, now_s),
    messages=messages,
    read_secret=read_secret,
    generate=new_signing_secret,
    setup=SETUP,
    sample=sample,
    done_status=None,
)
