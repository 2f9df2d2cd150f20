"""One part of a MIME message: its header fields, what they say about its body, and the body decoded.

Parameters (RFC 2045, and RFC 2231 with its continuations) are read by the standard library, from values that are short.
"""

import quopri
import re
from email.message import Message as Headers
from email.utils import collapse_rfc2231_value

from picloud.inbound.charsets import decode
from picloud.inbound.encoded_words import decoded_base64, readable
from picloud.inbound.limits import HEADER_BLOCK_MAX_BYTES, HEADERS_MAX, PARAMETERS_MAX

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD_END = re.compile(rb"\r?\n(?![ \t])")
_PARAMETERS_MAX_CHARS = 8192
_MAY_FAIL = (ValueError, TypeError, LookupError, AttributeError)


class Part:
    """`raw[start:end]`. Nothing is copied before it is asked for."""

    __slots__ = ("body_start", "depth", "end", "fields", "raw", "start")

    def __init__(self, raw: bytes, start: int, end: int, depth: int) -> None:
        self.raw, self.start, self.end, self.depth = raw, start, end, depth
        head_end, self.body_start = _head(raw, start, end)
        self.fields = _fields(raw[start : min(head_end, start + HEADER_BLOCK_MAX_BYTES)])

    def field(self, name: str) -> str:
        """The first field of that name (lower case), as it stands there; empty where there is none."""
        return next((value for key, value in self.fields if key.lower() == name), "")

    @property
    def content_type(self) -> str:
        """Lower-case, `text/plain` where the part says nothing that can be read."""
        return _headers("Content-Type", self.field("content-type")).get_content_type()

    @property
    def disposition(self) -> str:
        return self.field("content-disposition").partition(";")[0].strip().lower()

    @property
    def boundary(self) -> bytes:
        """Empty: there is none."""
        value = self._parameter("content-type", "boundary")
        return value.encode("latin-1", "replace").rstrip() if value and len(value) <= 200 else b""

    @property
    def filename(self) -> str | None:
        value = self._parameter("content-disposition", "filename") or self._parameter("content-type", "name")
        return None if value is None else readable(value)

    @property
    def size(self) -> int:
        return self.end - self.body_start

    def content(self) -> bytes:
        """The body, decoded as far as that goes."""
        body = self.raw[self.body_start : self.end]
        encoding = self.field("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return decoded_base64(body)
        return quopri.decodestring(body) if encoding == "quoted-printable" else body

    def text(self) -> str:
        return decode(self.content(), self._parameter("content-type", "charset"))

    def _parameter(self, field: str, name: str) -> str | None:
        return parameter(field, self.field(field), name)


def parameter(field: str, value: str, name: str) -> str | None:
    """A parameter of a header field's value, or None."""
    try:
        found = _headers(field, value).get_param(name, None, field)
        return None if found is None else collapse_rfc2231_value(found)
    except _MAY_FAIL:
        return None


def _headers(name: str, value: str) -> Headers:
    headers = Headers()
    parameters = value[:_PARAMETERS_MAX_CHARS].split(";", PARAMETERS_MAX + 1)[: PARAMETERS_MAX + 1]
    headers[name] = re.sub(r"[\r\n]+[ \t]*", " ", ";".join(parameters))
    return headers


def _head(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the header ends and where the body begins."""
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return start, min(end, start + (1 if raw.startswith(b"\n", start) else 2))
    blank = _BLANK_LINE.search(raw, start, end)
    return (blank.start(), blank.end()) if blank else (end, end)


def _fields(block: bytes) -> list[tuple[str, str]]:
    """Names and values, folded ones still folded. A line that is no field is passed over."""
    found: list[tuple[str, str]] = []
    for line in _FIELD_END.split(block, HEADERS_MAX):
        name, colon, value = line.partition(b":")
        if colon and name and b"\n" not in name and not line.startswith((b" ", b"\t")):
            found.append((decode(name).rstrip(), decode(value).strip()))
    return found
