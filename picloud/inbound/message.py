"""The message that every provider's mail becomes, and the shape that it must have.

`inbound-email.schema.json` says the same for senders. Stricter than it, as the contract has it: at least one `to`, no
control characters in `envelope.from`, `received_at` a real date, `content` real base64.
"""

import base64
import re
from dataclasses import dataclass
from typing import Any

from picloud.domain.errors import Invalid
from picloud.domain.text import one_line
from picloud.inbound import rfc3339
from picloud.inbound.shape import (
    Field,
    Mistakes,
    Read,
    array,
    boolean,
    note,
    nullable,
    number,
    one_of,
    record,
    size,
    text,
)

_MISTAKES_SHOWN_MAX = 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Message:
    """One mail out of a request. `email` is the event's part of that name; `contents` are those of its attachments, in
    their order, None for one that came without."""

    dedupe_key: bytes
    email: dict[str, Any]
    contents: list[bytes | None]


def read(document: Any) -> dict[str, Any]:
    """The event's `email` part from a normalized message (decoded JSON), with every key of the schema.

    What was left out is None, an empty array, or an object of Nones. `received_at` is RFC 3339 in UTC with `Z`, None
    where the sender doesn't say: the time of receipt is the caller's to fill in. An attachment's `content` stays
    base64, without line breaks; its `size`, in bytes, is filled in from it. Raises Invalid, with a pointer to every
    field that is wrong (20 at most).
    """
    mistakes: Mistakes = []
    email: dict[str, Any] = _EMAIL(document, "", mistakes)
    if mistakes:
        first = mistakes[0]
        detail = f"{first.pointer or 'The message'} {first.detail}"
        raise Invalid(detail, errors=tuple(mistakes[:_MISTAKES_SHOWN_MAX]))
    return email


def _single_line(most: int) -> Read:
    read_text = text(most=most)

    def read_line(value: Any, pointer: str, mistakes: Mistakes) -> Any:
        accepted = read_text(value, pointer, mistakes)
        return accepted if accepted is None else one_line(accepted)

    return read_line


def _moment(value: Any, pointer: str, mistakes: Mistakes) -> Any:
    accepted = _TEXT(value, pointer, mistakes)
    try:
        return accepted if accepted is None else rfc3339.to_utc(accepted)
    except ValueError as wrong:
        return note(mistakes, pointer, f"must be an RFC 3339 date-time: {wrong}")


def _base64(value: Any, pointer: str, mistakes: Mistakes) -> Any:
    """RFC 4648, section 4; MIME's line breaks (RFC 2045, 6.8) are taken out."""
    accepted = _TEXT(value, pointer, mistakes)
    if accepted is None:
        return None
    joined = accepted.replace("\r", "").replace("\n", "")
    try:
        base64.b64decode(joined, validate=True)
    except ValueError:
        return note(mistakes, pointer, "must be base64, with its padding")
    return joined


def _attachment(value: Any, pointer: str, mistakes: Mistakes) -> Any:
    accepted = _ATTACHMENT(value, pointer, mistakes)
    if accepted and accepted["size"] is None and accepted["content"] is not None:
        content = accepted["content"]
        accepted["size"] = len(content) * 3 // 4 - content[-2:].count("=")
    return accepted


_TEXT = text()
_ADDRESS = text(least=1, most=998, refused=_CONTROL)
_ADDRESSES = array(_ADDRESS, most=200)
_MESSAGE_ID = text(most=998, refused=_CONTROL_OR_SPACE)
_ANY_TEXT = Field(nullable(_TEXT))

_ENVELOPE = record(
    {
        "from": Field(nullable(text(most=998, refused=_CONTROL))),
        "to": Field(_ADDRESSES, absent=[]),
        "remote_ip": Field(nullable(text(most=64))),
    }
)
_AUTH = record({"spf": _ANY_TEXT, "dkim": _ANY_TEXT, "dmarc": _ANY_TEXT})
_SPAM = record({"score": Field(nullable(number)), "flagged": Field(nullable(boolean))})
_ATTACHMENT = record(
    {
        "filename": Field(nullable(_single_line(1024)), required=True),
        "content_type": Field(text(most=255), required=True),
        "size": Field(size),
        "content_id": Field(nullable(text(most=998))),
        "disposition": Field(nullable(one_of("attachment", "inline"))),
        "content": Field(_base64),
        "url": Field(text(most=4096)),
    }
)
_EMAIL = record(
    {
        "from": Field(_ADDRESS, required=True),
        "to": Field(array(_ADDRESS, least=1, most=200), required=True),
        "cc": Field(_ADDRESSES, absent=[]),
        "bcc": Field(_ADDRESSES, absent=[]),
        "reply_to": Field(_ADDRESSES, absent=[]),
        "subject": Field(nullable(_single_line(9980))),
        "text": _ANY_TEXT,
        "html": _ANY_TEXT,
        "date": Field(nullable(text(most=200))),
        "received_at": Field(nullable(_moment)),
        "message_id": Field(nullable(_MESSAGE_ID)),
        "in_reply_to": Field(nullable(_MESSAGE_ID)),
        "references": Field(array(_MESSAGE_ID, most=100), absent=[]),
        "envelope": Field(_ENVELOPE, absent={}),
        "headers": Field(array(array(text(most=65536), least=2, most=2), most=500), absent=[]),
        "auth": Field(_AUTH, absent={}),
        "spam": Field(_SPAM, absent={}),
        "attachments": Field(array(_attachment, most=100), absent=[]),
        "id": Field(text(least=1, most=256)),
    }
)
