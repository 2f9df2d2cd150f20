"""What the head of an HTTP answer may say (RFC 9110).

The worker goes by it so that a mistake has its line, and then the trusted side, which believes no worker.
"""

import re
from collections.abc import Sequence

from picloud.sandbox_pool.words import words

MAX_HEADERS = 100
MAX_HEAD_CHARS = 24_000
"""Of all names and values together."""
MAX_VALUE_CHARS = 8_000
MAX_CONTENT_TYPE_CHARS = 500

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_COOKIE_PREFIX = re.compile(r"^__(host|secure)-")
_REFUSED = frozenset(
    words(
        "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
        "transfer-encoding upgrade content-length date server status clear-site-data strict-transport-security"
    )
)
"""Hop-by-hop, the server's own to say, or about the whole site, which is not one app's alone."""


class BadAnswer(Exception):
    """The handler's answer can't be sent; the message is for its author."""


def check_head(status: int, headers: Sequence[tuple[str, str]], content_type: str | None) -> None:
    """Raises BadAnswer."""
    if not 200 <= status <= 599:
        raise BadAnswer(f"status {status} is not between 200 and 599")
    if len(headers) > MAX_HEADERS:
        raise BadAnswer(f"{len(headers)} headers are more than an answer may have: {MAX_HEADERS}")
    for name, value in headers:
        _check_header(name, value)
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEAD_CHARS:
        raise BadAnswer(f"the headers together are longer than {MAX_HEAD_CHARS} characters")
    if content_type is not None:
        _check_header("content-type", content_type)


def _check_header(name: str, value: str) -> None:
    lower = name.lower()
    if not _TOKEN.match(name):
        raise BadAnswer(f"{name[:100]!r} is not the name of a header")
    longest = MAX_CONTENT_TYPE_CHARS if lower == "content-type" else MAX_VALUE_CHARS
    if len(value) > longest:
        raise BadAnswer(f"the header {name!r} is too long: {len(value)} characters, of at most {longest}")
    if not _VALUE.match(value):
        raise BadAnswer(f"the header {name!r} has characters that a header can't have")
    if lower in _REFUSED:
        raise BadAnswer(f"the header {name!r} is not a handler's to set")
    if lower == "set-cookie":
        _check_cookie(value)


def _check_cookie(value: str) -> None:
    """A cookie without a name would be sent back as its bare value, which can look like one of ours."""
    name, equals, _ = value.partition(";")[0].partition("=")
    name = name.strip()
    if not equals or not _TOKEN.match(name):
        raise BadAnswer("a cookie needs a name: name=value")
    if _COOKIE_PREFIX.sub("", name.lower()).startswith("picloud"):
        raise BadAnswer("a cookie whose name starts with `picloud` is not a handler's to set")
