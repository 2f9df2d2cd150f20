"""Postal's HTTP endpoints (https://docs.postalserver.io/developer/http-payloads), "raw message" and "delivered as a hash".

Signed over the raw body (lib/postal/http.rb, signer.rb). Postal waits 5 s for an answer, takes a 5xx for a reason to try
again and a 4xx for a final no.
"""

import base64
from collections.abc import Sequence
from typing import Any

from picloud.domain.errors import BadSignature
from picloud.inbound import mime, public_keys
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.addresses import one
from picloud.inbound.loose import address_list, at, content_of, each, json_object, size_of, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """Routing, HTTP Endpoints: the inbound URL, encoding "Sent in the body as JSON", either format; then a route to it.
The trigger's secret is the installation's public key: `postal default-dkim-record`, or the PEM of `signing.key`."""


def verify(request: Request, secrets: Sequence[str], now_s: float) -> None:
    """SHA-256 where that header is there, and then it decides alone; SHA-1 from older Postal."""
    newer = "x-postal-signature-256" in request.headers
    header = "x-postal-signature-256" if newer else "x-postal-signature"
    signature = public_keys.from_base64(request.headers.get(header, ""))
    digest = "sha256" if newer else "sha1"
    if not any(public_keys.rsa_signed(key, signature, request.body, digest) for key in secrets):
        raise BadSignature


def messages(request: Request, *, signed: bool) -> list[Message]:
    document = json_object(request.body)
    raw = text_at(document, "message")
    mail = _raw_mail(document, raw) if raw is not None else _mail(document)
    mail.envelope_from = text_at(document, "mail_from")
    mail.envelope_to = address_list(at(document, "rcpt_to"))
    mail.id = text_at(document, "id")
    # Ids of two mail servers may meet, tokens and message ids don't.
    parts = (mail.id, text_at(document, "token") or mail.message_id, text_at(document, "rcpt_to"))
    identifier = "\n".join(str(part) for part in parts) if mail.id else None
    return [pack(mail, signed=signed, identifier=identifier)]


def _raw_mail(document: dict[str, Any], raw: str) -> Mail:
    plain = at(document, "base64") is False
    return mime.parse(raw.encode("utf-8", "replace") if plain else content_of(raw) or b"")


def _mail(document: dict[str, Any]) -> Mail:
    spam = text_at(document, "spam_status")
    return Mail(
        sender=one(text_at(document, "from") or ""),
        to=address_list(at(document, "to")),
        cc=address_list(at(document, "cc")),
        reply_to=address_list(at(document, "reply_to")),
        subject=at(document, "subject"),
        text=at(document, "plain_body"),
        html=at(document, "html_body"),
        date=at(document, "date"),
        received_at=at(document, "timestamp"),
        message_id=at(document, "message_id"),
        in_reply_to=at(document, "in_reply_to"),
        references=at(document, "references"),
        spam_flagged=spam == "Spam" if spam in ("Spam", "NotSpam") else None,
        attachments=[_attachment(item) for item in each(at(document, "attachments"))],
    )


def _attachment(item: Any) -> Attachment:
    return Attachment(
        filename=at(item, "filename"),
        content_type=at(item, "content_type"),
        content=content_of(at(item, "data")),
        size=size_of(at(item, "size")),
    )


def sample(given: Sample) -> Request:
    document = {
        "id": int(given.id[:8], 16),
        "token": given.id,
        "rcpt_to": given.envelope_to[0],
        "mail_from": given.envelope_from,
        "message": base64.b64encode(given.raw).decode(),
        "base64": True,
    }
    return given.as_json(document)


def cannot_sign(secret: str) -> str:
    return "Postal signs with the private key of its installation, which it alone has."


ADAPTER = Adapter(
    media_types=JSON,
    verify=verify,
    messages=messages,
    read_secret=public_keys.read_key,
    generate=None,
    setup=SETUP,
    sample=sample,
    cannot_sign=cannot_sign,
    patience_s=4.0,
)
