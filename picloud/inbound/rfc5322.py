"""A normalized message written as a raw mail (RFC 5322 and MIME), as a mail server would hand it on."""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

from picloud.domain.text import one_line

_UNFIT_IN_NAME = re.compile(r"[^!-9;-~]")
_FIELDS = (
    ("from", "From"),
    ("to", "To"),
    ("cc", "Cc"),
    ("reply_to", "Reply-To"),
    ("subject", "Subject"),
    ("date", "Date"),
    ("message_id", "Message-ID"),
    ("in_reply_to", "In-Reply-To"),
    ("references", "References"),
)


def written(email: Mapping[str, Any]) -> bytes:
    """`email`: what `message.read` gives. Header fields are UTF-8 (RFC 6532), bodies base64; `bcc` is left out."""
    parts = [_text(name, email[key]) for key, name in (("text", "plain"), ("html", "html")) if email[key] is not None]
    body = _multipart("alternative", parts) if len(parts) > 1 else (parts or [_text("plain", "")])[0]
    if email["attachments"]:
        body = _multipart("mixed", [body, *map(_attachment, email["attachments"])])
    return "".join(f"{name}: {value}\r\n" for name, value in header_fields(email)).encode() + body


def header_fields(email: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values, each on one line."""
    found = [(name, _value(email[key], " " if key == "references" else ", ")) for key, name in _FIELDS]
    found += [(_UNFIT_IN_NAME.sub("", name) or "X", one_line(value)) for name, value in email["headers"]]
    return [(name, value) for name, value in found if value]


def _value(value: Any, between: str) -> str:
    return between.join(value) if isinstance(value, list) else one_line(value or "")


def _text(subtype: str, text: str) -> bytes:
    return _part([f"Content-Type: text/{subtype}; charset=utf-8"], text.encode())


def _attachment(item: Mapping[str, Any]) -> bytes:
    name = (item["filename"] or "").replace("\\", "\\\\").replace('"', '\\"')
    fields = [
        f"Content-Type: {one_line(item['content_type'])}",
        f'Content-Disposition: {item["disposition"] or "attachment"}; filename="{name}"',
    ]
    content_id = one_line(item["content_id"] or "")
    return _part(
        [*fields, f"Content-ID: {content_id}"] if content_id else fields, base64.b64decode(item["content"] or "")
    )


def _part(fields: Iterable[str], content: bytes) -> bytes:
    head = "".join(f"{field}\r\n" for field in (*fields, "Content-Transfer-Encoding: base64"))
    return f"{head}\r\n".encode() + base64.encodebytes(content).replace(b"\n", b"\r\n")


def _multipart(subtype: str, parts: Iterable[bytes]) -> bytes:
    boundary = f"=_{subtype}"  # not in base64, so in no part
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    line = f"--{boundary}".encode()
    return head + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
