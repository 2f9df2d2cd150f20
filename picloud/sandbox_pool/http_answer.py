"""Checks an HTTP answer that a worker made, before anything of it is sent on (RFC 9110)."""

import re

from picloud.sandbox_pool.frames import ResponseHead
from picloud.sandbox_pool.outcome import Response
from picloud.sandbox_pool.words import words

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8000}\Z")
_COOKIE_PREFIX = re.compile(r"^__(host|secure)-")
_REFUSED = frozenset(
    words(
        "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
        "transfer-encoding upgrade content-length date server status"
    )
)
"""Hop-by-hop, or the server's own to say."""


class BadAnswer(Exception):
    """The handler's answer can't be sent; the message is for its author."""


def checked(head: ResponseHead, body: bytes) -> Response:
    """Raises BadAnswer."""
    if not 200 <= head.status <= 599:
        raise BadAnswer(f"status {head.status} is not between 200 and 599")
    content_type = head.content_type
    headers = []
    for name, value in head.headers:
        _check_header(name, value)
        if name.lower() == "content-type":
            content_type = value
        else:
            headers.append((name, value.strip()))
    if content_type is not None:
        _check_header("content-type", content_type)
    return Response(head.status, tuple(headers), content_type, body)


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.match(name):
        raise BadAnswer(f"{name[:100]!r} is not the name of a header")
    if not _VALUE.match(value):
        raise BadAnswer(f"the header {name!r} has characters that a header can't have, or is too long")
    lower = name.lower()
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
