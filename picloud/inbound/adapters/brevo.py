"""Brevo inbound parsing (https://developers.brevo.com/docs/inbound-parse-webhooks): several mails in `items`. Signs nothing."""

from typing import Any

from picloud.inbound import credentials
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.loose import at, contacts, each, headers_of, json_object, size_of, strings, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample, people

SETUP = """Create an inbound webhook by the API (POST /v3/webhooks, type "inbound", events ["inboundEmailProcessed"]) with the
inbound URL; put the trigger's secret into it: `https://user:password@…`. Attachments are named, not sent: their `url` wants
your API key."""
_DOWNLOAD = "https://api.brevo.com/v3/inbound/attachments/"


def messages(request: Request, *, signed: bool) -> list[Message]:
    return [_message(item, signed) for item in each(at(json_object(request.body), "items"))]


def _message(item: Any, signed: bool) -> Message:
    mail = Mail(
        sender=next(iter(contacts(at(item, "From"), "Name", "Address")), ""),
        to=contacts(at(item, "To"), "Name", "Address"),
        cc=contacts(at(item, "Cc"), "Name", "Address"),
        bcc=contacts(at(item, "Bcc"), "Name", "Address"),
        reply_to=contacts(at(item, "ReplyTo"), "Name", "Address"),
        subject=at(item, "Subject"),
        text=at(item, "RawTextBody"),
        html=at(item, "RawHtmlBody"),
        date=at(item, "SentAtDate"),
        message_id=at(item, "MessageId"),
        in_reply_to=at(item, "InReplyTo"),
        envelope_to=contacts(at(item, "Recipients"), "Name", "Address") or strings(at(item, "Recipients")),
        headers=headers_of(at(item, "Headers")),
        spam_score=at(item, "SpamScore"),
        attachments=[_attachment(attached) for attached in each(at(item, "Attachments"))],
    )
    mail.references, mail.envelope_from = mail.header("references"), mail.header("return-path")
    ids = sorted(strings(at(item, "Uuid")))
    mail.id = next(iter(ids), None)
    return pack(mail, signed=signed, identifier=" ".join(ids) or None)


def _attachment(item: Any) -> Attachment:
    token = text_at(item, "DownloadToken")
    return Attachment(
        filename=at(item, "Name"),
        content_type=at(item, "ContentType"),
        content_id=at(item, "ContentID"),
        size=size_of(at(item, "ContentLength")),
        url=_DOWNLOAD + token if token else None,
    )


def sample(given: Sample) -> Request:
    email = given.email
    item = {
        "Uuid": [given.id],
        "MessageId": email["message_id"],
        "InReplyTo": email["in_reply_to"],
        "From": people([email["from"]], "Name", "Address")[0],
        **{name: people(email[name.lower()], "Name", "Address") for name in ("To", "Cc")},
        "ReplyTo": next(iter(people(email["reply_to"], "Name", "Address")), None),
        "Recipients": given.envelope_to,
        "SentAtDate": email["date"],
        "Subject": email["subject"],
        "RawTextBody": email["text"],
        "RawHtmlBody": email["html"],
        "Headers": dict(email["headers"]) | {"Return-Path": given.envelope_from},
        "Attachments": [
            {"Name": each["filename"], "ContentType": each["content_type"], "ContentLength": each["size"] or 0}
            for each in email["attachments"]
        ],
    }
    return given.as_json({"items": [item]}, given.credentials())


ADAPTER = Adapter(
    media_types=JSON,
    verify=credentials.verifier(),
    messages=messages,
    read_secret=credentials.read_secret,
    generate=credentials.generate,
    setup=SETUP,
    sample=sample,
)
