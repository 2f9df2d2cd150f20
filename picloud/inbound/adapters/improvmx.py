"""ImprovMX webhooks (https://improvmx.com/guides/webhooks): parsed mail as JSON. Signs nothing."""

from typing import Any

from picloud.inbound import credentials
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.encoded_words import readable
from picloud.inbound.loose import at, contacts, content_of, each, headers_of, json_object
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request

SETUP = """Make the inbound URL, with `?token=` and the trigger's secret at its end, the destination of an alias."""


def messages(request: Request, *, signed: bool) -> list[Message]:
    document = json_object(request.body)
    attached = [_attachment(item, "attachment") for item in each(at(document, "attachments"))]
    mail = Mail(
        sender=next(iter(contacts(at(document, "from"), "name", "email")), ""),
        to=contacts(at(document, "to"), "name", "email"),
        cc=contacts(at(document, "cc"), "name", "email"),
        subject=at(document, "subject"),
        text=at(document, "text"),
        html=at(document, "html"),
        date=at(document, "date"),
        received_at=at(document, "timestamp"),
        message_id=at(document, "message-id"),
        envelope_from=next(iter(contacts(at(document, "return-path"), "name", "email")), None),
        headers=[[name, readable(value)] for name, value in headers_of(at(document, "headers"))],
        attachments=attached + [_attachment(item, "inline") for item in each(at(document, "inlines"))],
    )
    mail.in_reply_to, mail.references = mail.header("in-reply-to"), mail.header("references")
    return [pack(mail, signed=signed)]


def _attachment(item: Any, disposition: str) -> Attachment:
    return Attachment(
        filename=at(item, "name"),
        content_type=at(item, "type"),
        content=content_of(at(item, "content")),
        content_id=at(item, "cid"),
        disposition=disposition,
    )


ADAPTER = Adapter(
    media_types=JSON,
    verify=credentials.verifier(),
    messages=messages,
    read_secret=credentials.read_secret,
    generate=credentials.generate,
    setup=SETUP,
)
