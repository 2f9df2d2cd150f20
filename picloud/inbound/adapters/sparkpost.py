"""SparkPost relay webhooks (https://developers.sparkpost.com/api/relay-webhooks/): raw mails in batches.

A batch without mails is how SparkPost asks whether the address answers.
"""

import base64
from typing import Any

from picloud.inbound import credentials, mime
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.addresses import one
from picloud.inbound.loose import address_list, at, content_of, each, headers_of, json_array, text_at
from picloud.inbound.mail import Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """POST /api/v1/relay-webhooks with the inbound URL as `target` and the trigger's secret, a token, as `auth_token`."""


def messages(request: Request, *, signed: bool) -> list[Message]:
    relayed = (at(item, "msys", "relay_message") for item in json_array(request.body))
    return [_message(item, signed) for item in relayed if isinstance(item, dict)]


def _message(item: dict[str, Any], signed: bool) -> Message:
    content = at(item, "content")
    raw = text_at(content, "email_rfc822")
    if raw is None:
        mail = _mail(item, content)
    elif at(content, "email_rfc822_is_base64") is True:
        mail = mime.parse(content_of(raw) or b"")
    else:
        mail = mime.parse(raw.encode("utf-8", "replace"))
    mail.envelope_from = text_at(item, "msg_from")
    mail.envelope_to = address_list(at(item, "rcpt_to"))
    return pack(mail, signed=signed)


def _mail(item: dict[str, Any], content: Any) -> Mail:
    headers = [pair for each_one in each(at(content, "headers")) for pair in headers_of(each_one)]
    mail = Mail(
        sender=one(text_at(item, "friendly_from") or ""),
        to=address_list(at(content, "to")),
        cc=address_list(at(content, "cc")),
        subject=at(content, "subject"),
        text=at(content, "text"),
        html=at(content, "html"),
        headers=headers,
    )
    mail.sender = one(mail.header("from") or "") or mail.sender
    mail.date, mail.message_id = mail.header("date"), mail.header("message-id")
    mail.in_reply_to, mail.references = mail.header("in-reply-to"), mail.header("references")
    return mail


def sample(given: Sample) -> Request:
    relayed = {
        "msg_from": given.envelope_from,
        "rcpt_to": ", ".join(given.envelope_to),
        "friendly_from": given.email["from"],
        "content": {"email_rfc822": base64.b64encode(given.raw).decode(), "email_rfc822_is_base64": True},
    }
    return given.as_json([{"msys": {"relay_message": relayed}}], given.credentials())


ADAPTER = Adapter(
    media_types=JSON,
    verify=credentials.verifier("x-messagesystems-webhook-token"),
    messages=messages,
    read_secret=credentials.read_secret,
    generate=credentials.generate,
    setup=SETUP,
    sample=sample,
)
