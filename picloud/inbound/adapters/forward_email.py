"""Forward Email (https://forwardemail.net/faq#do-you-support-webhooks): what nodemailer's parser gives, as JSON.

It takes exactly 200 for success, a 5xx for a reason to try again, and a 4xx for a final no.
"""

import base64
import json
import re
from typing import Any

from picloud.inbound import hex_hmac, mime
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.encoded_words import readable
from picloud.inbound.limits import MIME_PARTS_MAX
from picloud.inbound.loose import at, contacts, content_of, each, json_object, size_of, strings, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """Make the inbound URL, with `?attachments=false` at its end, the target of an alias: attachments come in the raw mail
anyway. The trigger's secret is the Webhook Signature Payload Verification Key (My Account, Domains, Advanced Settings)."""

# A Buffer as JSON: millions of small numbers. A quote within a string would have its backslash.
_BUFFER = re.compile(rb'(?<!\\)"data"\s*:\s*\[([0-9,\s]*+)\]')


def messages(request: Request, *, signed: bool) -> list[Message]:
    document = json_object(_BUFFER.sub(_packed, request.body, MIME_PARTS_MAX))
    raw = text_at(document, "raw")
    mail = mime.parse(raw.encode("utf-8", "replace")) if raw else _mail(document)
    mail.envelope_from = text_at(document, "session", "sender") or text_at(
        document, "session", "envelope", "mailFrom", "address"
    )
    mail.envelope_to = strings(at(document, "recipients")) or strings(at(document, "session", "recipient"))
    mail.remote_ip = text_at(document, "session", "remoteAddress")
    mail.received_at = text_at(document, "session", "arrivalDate")
    mail.spf = text_at(document, "spf", "status", "result")
    mail.dmarc = text_at(document, "dmarc", "status", "result")
    dkim = next(each(at(document, "dkim", "results")), None)
    mail.dkim = text_at(dkim, "status", "result")
    return [pack(mail, signed=signed)]


def _packed(found: re.Match[bytes]) -> bytes:
    try:
        content = bytes(json.loads(b"[" + found[1] + b"]"))
    except (ValueError, RecursionError):
        content = b""
    return b'"data":"' + base64.b64encode(content) + b'"'


def _mail(document: dict[str, Any]) -> Mail:
    lines = (text_at(line, "line") for line in each(at(document, "headerLines")))
    headers = [line.partition(":") for line in lines if line]
    return Mail(
        sender=next(iter(contacts(at(document, "from", "value"), "name", "address")), ""),
        to=contacts(at(document, "to", "value"), "name", "address"),
        cc=contacts(at(document, "cc", "value"), "name", "address"),
        bcc=contacts(at(document, "bcc", "value"), "name", "address"),
        reply_to=contacts(at(document, "replyTo", "value"), "name", "address"),
        subject=at(document, "subject"),
        text=at(document, "text"),
        html=at(document, "html"),
        date=at(document, "date"),
        message_id=at(document, "messageId"),
        in_reply_to=at(document, "inReplyTo"),
        references=at(document, "references"),
        headers=[[name, readable(value)] for name, _, value in headers],
        attachments=[_attachment(item) for item in each(at(document, "attachments"))],
    )


def _attachment(item: Any) -> Attachment:
    return Attachment(
        filename=at(item, "filename"),
        content_type=at(item, "contentType"),
        content=content_of(at(item, "content", "data")),
        content_id=at(item, "cid"),
        disposition=at(item, "contentDisposition"),
        size=size_of(at(item, "size")),
    )


def sample(given: Sample) -> Request:
    document = {
        "raw": given.raw.decode(),
        "recipients": given.envelope_to,
        "session": {"recipient": given.envelope_to[0], "sender": given.envelope_from, "remoteAddress": "127.0.0.1"},
    }
    unsigned = given.as_json(document)
    return given.as_json(document, {"x-webhook-signature": hex_hmac.signed(given.secret, unsigned.body)})


ADAPTER = Adapter(
    media_types=JSON,
    verify=hex_hmac.verifier("x-webhook-signature"),
    messages=messages,
    read_secret=hex_hmac.read_secret,
    generate=None,
    setup=SETUP,
    sample=sample,
)
