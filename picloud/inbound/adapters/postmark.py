"""Postmark inbound (https://postmarkapp.com/developer/webhooks/inbound-webhook).

It signs nothing. 200 is success, 403 ends it for good (never answered here), anything else it repeats for hours.
"""

from typing import Any

from picloud.inbound import credentials, mime
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.addresses import one
from picloud.inbound.loose import address_list, at, contacts, content_of, each, json_object, size_of, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample, people

SETUP = """Server, Inbound stream, Settings: paste the inbound URL with the trigger's secret in it,
`https://user:password@…`. Tick "Include raw email content" for mails exactly as they came."""
_NO_ID = "00000000-0000-0000-0000-000000000000"


def messages(request: Request, *, signed: bool) -> list[Message]:
    document = json_object(request.body)
    own = [[text_at(item, "Name") or "", text_at(item, "Value") or ""] for item in each(at(document, "Headers"))]
    raw = text_at(document, "RawEmail")
    mail = mime.parse(raw.encode("utf-8", "replace")) if raw else _mail(document, own)
    mail.bcc = contacts(at(document, "BccFull"), "Name", "Email")
    mail.envelope_to = address_list(at(document, "OriginalRecipient"))
    mail.envelope_from = Mail(headers=own).header("return-path")
    mail.spf = (mail.header("received-spf") or "").split(" ")[0].lower() or None
    mail.spam_score = mail.header("x-spam-score")
    status = mail.header("x-spam-status")
    mail.spam_flagged = status.lower().startswith("yes") if status else None
    identifier = text_at(document, "MessageID")
    mail.id = identifier if identifier != _NO_ID else None  # "Check" always sends this one
    return [pack(mail, signed=signed, identifier=mail.id)]


def _mail(document: dict[str, Any], headers: list[list[str]]) -> Mail:
    mail = Mail(
        sender=next(iter(contacts(at(document, "FromFull"), "Name", "Email")), one(text_at(document, "From") or "")),
        to=contacts(at(document, "ToFull"), "Name", "Email") or address_list(at(document, "To")),
        cc=contacts(at(document, "CcFull"), "Name", "Email"),
        reply_to=address_list(at(document, "ReplyTo")),
        subject=at(document, "Subject"),
        text=at(document, "TextBody"),
        html=at(document, "HtmlBody"),
        date=at(document, "Date"),
        headers=headers,
        attachments=[_attachment(item) for item in each(at(document, "Attachments"))],
    )
    mail.message_id, mail.in_reply_to = mail.header("message-id"), mail.header("in-reply-to")
    mail.references = mail.header("references")
    return mail


def _attachment(item: Any) -> Attachment:
    content_id = text_at(item, "ContentID")
    return Attachment(
        filename=at(item, "Name"),
        content_type=at(item, "ContentType"),
        content=content_of(at(item, "Content") or at(item, "Data")),  # "Check" says Data
        content_id=content_id,
        disposition="inline" if content_id else "attachment",
        size=size_of(at(item, "ContentLength")),
    )


def sample(given: Sample) -> Request:
    email = given.email
    document = {
        "MessageID": given.id,
        "FromFull": people([email["from"]], "Name", "Email")[0],
        "ToFull": people(email["to"], "Name", "Email"),
        "BccFull": people(email["bcc"], "Name", "Email"),
        "OriginalRecipient": ", ".join(given.envelope_to),
        "Headers": [{"Name": "Return-Path", "Value": f"<{given.envelope_from}>"}],
        "RawEmail": given.raw.decode(),
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
