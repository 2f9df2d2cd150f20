"""ImprovMX webhooks (https://improvmx.com/guides/webhooks): parsed mail as JSON. Signs nothing.

Any 2xx is success; all else it tries twice more, and drops the mail.
"""

from typing import Any

from picloud.inbound import credentials
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.encoded_words import readable
from picloud.inbound.loose import address_list, at, contacts, content_of, each, headers_of, json_object, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample, people

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
        message_id=_bracketed(text_at(document, "message-id")),
        envelope_from=next(iter(contacts(at(document, "return-path"), "name", "email")), None),
        headers=[[name, readable(value)] for name, value in headers_of(at(document, "headers"))],
        attachments=attached + [_attachment(item, "inline") for item in each(at(document, "inlines"))],
    )
    mail.in_reply_to, mail.references = mail.header("in-reply-to"), mail.header("references")
    mail.envelope_to = address_list(mail.header("delivered-to"))
    return [pack(mail, signed=signed)]


def _bracketed(message_id: str | None) -> str | None:
    """ImprovMX leaves the brackets out, which a reply has to name."""
    bare = (message_id or "").strip().strip("<>")
    return f"<{bare}>" if bare else None


def _attachment(item: Any, disposition: str) -> Attachment:
    return Attachment(
        filename=at(item, "name"),
        content_type=at(item, "type"),
        content=content_of(at(item, "content")),
        content_id=at(item, "cid"),
        disposition=disposition,
    )


def sample(given: Sample) -> Request:
    email = given.email
    attached = [
        {"type": each["content_type"], "name": each["filename"], "content": each["content"], "cid": each["content_id"]}
        for each in email["attachments"]
    ]
    document = {
        "headers": {"Delivered-To": given.envelope_to[0]} | dict(email["headers"]),
        "from": people([email["from"]], "name", "email")[0],
        "to": people(email["to"], "name", "email"),
        "cc": people(email["cc"], "name", "email"),
        "subject": email["subject"],
        "message-id": (email["message_id"] or "").strip("<>"),
        "date": email["date"],
        "return-path": {"name": None, "email": given.envelope_from},
        "timestamp": given.now_s,
        "text": email["text"],
        "html": email["html"],
        "inlines": [each for each in attached if each["cid"]],
        "attachments": [each for each in attached if not each["cid"]],
    }
    return given.as_json(document, given.credentials())


ADAPTER = Adapter(
    media_types=JSON,
    verify=credentials.verifier(),
    messages=messages,
    read_secret=credentials.read_secret,
    generate=credentials.generate,
    setup=SETUP,
    sample=sample,
)
