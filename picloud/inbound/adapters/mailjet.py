"""Mailjet Parse API (https://dev.mailjet.com/email/guides/parse-api/). Signs nothing."""

from itertools import islice
from typing import Any

from picloud.inbound import credentials, rfc5322
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.addresses import one
from picloud.inbound.encoded_words import readable
from picloud.inbound.limits import MIME_PARTS_MAX
from picloud.inbound.loose import address_list, at, content_of, each, headers_of, json_object, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.mime_part import parameter
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """POST /v3/REST/parseroute with the inbound URL as `Url`, and the trigger's secret in it: `https://user:password@…`."""


def messages(request: Request, *, signed: bool) -> list[Message]:
    document = json_object(request.body)
    headers = [[name, readable(value)] for name, value in headers_of(at(document, "Headers"))]
    mail = Mail(
        sender=one(text_at(document, "From") or ""),
        subject=at(document, "Subject"),
        text=at(document, "Text-part"),
        html=at(document, "Html-part"),
        envelope_from=at(document, "Sender"),
        envelope_to=address_list(at(document, "Recipient")),
        headers=headers,
        spam_score=at(document, "SpamAssassinScore"),
        attachments=[
            found
            for part in islice(each(at(document, "Parts")), MIME_PARTS_MAX)
            if (found := _attachment(document, part))
        ],
    )
    mail.to, mail.cc, mail.reply_to = (address_list(mail.joined(name)) for name in ("to", "cc", "reply-to"))
    mail.date, mail.message_id = mail.header("date"), mail.header("message-id")
    mail.in_reply_to, mail.references = mail.header("in-reply-to"), mail.header("references")
    return [pack(mail, signed=signed)]


def _attachment(document: dict[str, Any], part: Any) -> Attachment | None:
    """The part whose content stands beside, as `Attachment1` or `InlineAttachment1`."""
    reference = text_at(part, "ContentRef")
    if reference is None or "attachment" not in reference.lower():
        return None
    headers = {name.lower(): value for name, value in headers_of(at(part, "Headers"))}
    disposition, content_type = headers.get("content-disposition", ""), headers.get("content-type", "")
    name = parameter("content-disposition", disposition, "filename") or parameter("content-type", content_type, "name")
    return Attachment(
        filename=readable(name) if name else None,
        content_type=content_type.partition(";")[0].strip().lower(),
        content=content_of(at(document, reference)),
        content_id=headers.get("content-id"),
        disposition=disposition.partition(";")[0].strip().lower(),
    )


def sample(given: Sample) -> Request:
    email = given.email
    document: dict[str, Any] = {
        "Sender": given.envelope_from,
        "Recipient": given.envelope_to[0],
        "From": email["from"],
        "Subject": email["subject"],
        "Text-part": email["text"],
        "Html-part": email["html"],
        "Headers": dict(rfc5322.header_fields(email)),
        "Parts": [],
    }
    for number, item in enumerate(email["attachments"], 1):
        reference = f"{'InlineAttachment' if item['content_id'] else 'Attachment'}{number}"
        disposition = f'{item["disposition"] or "attachment"}; filename="{item["filename"] or ""}"'
        headers = {"Content-Type": item["content_type"], "Content-Disposition": disposition}
        headers |= {"Content-ID": item["content_id"]} if item["content_id"] else {}
        document["Parts"].append({"Headers": headers, "ContentRef": reference})
        document[reference] = item["content"]
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
