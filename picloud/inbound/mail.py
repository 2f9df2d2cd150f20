"""A mail as an adapter found it, and the event's part that it becomes.

`message.read` refuses what is not in shape: its sender can mend that. A provider can't, and a refused mail is a lost one;
so here all that is odd is folded into the shape or left out.
"""

import math
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from picloud.domain.text import clean, one_line
from picloud.inbound import limits, rfc3339
from picloud.inbound.addresses import bare, fitted

_MESSAGE_ID_MAX_CHARS = 998


@dataclass(slots=True)
class Attachment:
    """`content` None: the provider sends none, but perhaps its `url` and `size` (bytes)."""

    filename: Any = None
    content_type: Any = None
    content: bytes | None = None
    content_id: Any = None
    disposition: Any = None
    size: int | None = None
    url: Any = None


@dataclass(slots=True)
class Mail:
    """Values as they came, of any type: a provider's JSON is not checked before. Addresses: see `addresses`."""

    sender: str = ""
    to: list[str] = field(default_factory=list)
    cc: list[str] = field(default_factory=list)
    bcc: list[str] = field(default_factory=list)
    reply_to: list[str] = field(default_factory=list)
    subject: Any = None
    text: Any = None
    html: Any = None
    date: Any = None
    received_at: Any = None
    message_id: Any = None
    in_reply_to: Any = None
    references: Any = None
    envelope_from: Any = None
    envelope_to: list[str] = field(default_factory=list)
    remote_ip: Any = None
    headers: list[list[str]] = field(default_factory=list)
    spf: Any = None
    dkim: Any = None
    dmarc: Any = None
    spam_score: Any = None
    spam_flagged: bool | None = None
    id: Any = None
    attachments: list[Attachment] = field(default_factory=list)
    truncated: bool = False

    def header(self, name: str) -> str | None:
        """The first header of that name, in lower case: a provider puts its own before the sender's."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def joined(self, name: str) -> str:
        """All headers of that name. RFC 5322 allows one `To`; some senders write several."""
        return ", ".join(value for key, value in self.headers if key.lower() == name)


def as_event(mail: Mail) -> tuple[dict[str, Any], list[bytes | None]]:
    """The event's `email` part, with every key of the schema and `truncated`, and the attachments' contents."""
    attachments = mail.attachments[: limits.ATTACHMENTS_MAX]
    envelope_from = _line(mail.envelope_from)
    envelope_to = _addresses([bare(address) for address in mail.envelope_to])
    email = {
        "from": fitted(mail.sender) or fitted(envelope_from or ""),
        "to": _addresses(mail.to) or envelope_to,
        "cc": _addresses(mail.cc),
        "bcc": _addresses(mail.bcc),
        "reply_to": _addresses(mail.reply_to),
        "subject": _line(mail.subject, 9980),
        "text": _text(mail.text, limits.TEXT_MAX_CHARS),
        "html": _text(mail.html, limits.TEXT_MAX_CHARS),
        "date": _line(mail.date, 200),
        "received_at": _moment(mail.received_at),
        "message_id": _message_id(mail.message_id),
        "in_reply_to": _message_id(mail.in_reply_to),
        "references": _message_ids(mail.references),
        "envelope": {
            "from": None if envelope_from is None else fitted(bare(envelope_from)),
            "to": envelope_to,
            "remote_ip": _line(mail.remote_ip, 64),
        },
        "headers": _headers(mail.headers),
        "auth": {"spf": _line(mail.spf, 100), "dkim": _line(mail.dkim, 100), "dmarc": _line(mail.dmarc, 100)},
        "spam": {"score": _number(mail.spam_score), "flagged": mail.spam_flagged},
        "attachments": [_attachment(each) for each in attachments],
        "id": _line(mail.id, 256) or None,
        "truncated": mail.truncated or _is_cut(mail),
    }
    return clean(email), [each.content for each in attachments]


def _addresses(given: list[str]) -> list[str]:
    kept = (fitted(address) for address in given[: limits.ADDRESSES_MAX])
    return [address for address in kept if address]


def _is_cut(mail: Mail) -> bool:
    long = any(isinstance(body, str) and len(body) > limits.TEXT_MAX_CHARS for body in (mail.text, mail.html))
    return long or len(mail.attachments) > limits.ATTACHMENTS_MAX or len(mail.headers) > limits.HEADERS_MAX


def _text(value: Any, most: int) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return value[:most] if isinstance(value, str) else None


def _line(value: Any, most: int = 998) -> str | None:
    text = _text(value, 4 * most)
    return None if text is None else one_line(text).strip()[:most]


def _message_id(value: Any) -> str | None:
    return next(iter(_message_ids(value)), None)


def _message_ids(value: Any) -> list[str]:
    """Blanks part message ids and stand in none; a folded one is put together by its brackets."""
    values = value if isinstance(value, list) else [value]
    texts = [text for text in (_text(each, limits.HEADER_MAX_CHARS) for each in values) if text]
    found: list[str] = []
    for text in texts:
        words = "".join(" " if character <= " " or character == "\x7f" else character for character in text).split()
        found += [word[:_MESSAGE_ID_MAX_CHARS] for word in words]
    return found[: limits.REFERENCES_MAX]


def _headers(headers: list[list[str]]) -> list[list[str]]:
    kept = headers[: limits.HEADERS_MAX]
    return [[_line(name, 998) or "", _line(value, limits.HEADER_MAX_CHARS) or ""] for name, value in kept]


def _attachment(attachment: Attachment) -> dict[str, Any]:
    content, disposition = attachment.content, attachment.disposition
    row = {
        "filename": _line(attachment.filename, limits.FILENAME_MAX_CHARS) or None,
        "content_type": _line(attachment.content_type, 255) or "application/octet-stream",
        "size": attachment.size if content is None else len(content),
        "content_id": _line(attachment.content_id) or None,
        "disposition": disposition if disposition in ("attachment", "inline") else None,
    }
    url = _line(attachment.url, 4096)
    return row | {"url": url} if url else row


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _moment(value: Any) -> str | None:
    """UTC as RFC 3339, from Unix time in seconds, RFC 3339 or RFC 5322; None for anything else."""
    if isinstance(value, str) and not value.isdigit():
        try:
            return rfc3339.to_utc(value)
        except ValueError:
            return _mail_date(value)
    seconds = _number(value)
    if seconds is None or not 0 <= seconds < 253_402_300_800:
        return None
    return rfc3339.from_unix(seconds)


def _mail_date(value: str) -> str | None:
    try:
        moment = parsedate_to_datetime(value[:200])
        return rfc3339.to_utc(moment.isoformat()) if moment.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
