"""The headers of a request: what a handler may set, and what is ours."""

import re
from collections.abc import Iterable

from picloud import __version__
from picloud.outbound.errors import malformed
from picloud.outbound.limits import OutboundLimits

Headers = tuple[tuple[str, str], ...]

USER_AGENT = f"PiCloud/{__version__}"
HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
"""RFC 9110, 7.6.1: about one connection, not about the message."""

_OURS = HOP_BY_HOP | {"host", "content-length", "expect"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def checked_headers(headers: Iterable[tuple[str, str]], limits: OutboundLimits) -> Headers:
    """Raises OutboundRefused. Case does not tell two names apart."""
    checked = tuple((name, value.strip(" \t")) for name, value in headers)
    if len(checked) > limits.headers_max or size_bytes(checked) > limits.headers_max_bytes:
        raise malformed(f"more than {limits.headers_max} headers, or {limits.headers_max_bytes} bytes of them")
    for name, value in checked:
        _check(name, value)
    if len({name.lower() for name, _ in checked}) < len(checked):
        raise malformed("a header is there twice, in different spellings")
    return checked


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise malformed("a header's name may hold letters, digits and dashes")
    if name.lower() in _OURS or name.lower().startswith("proxy-"):
        raise malformed(f"the header {name} can't be set: it is made from the request itself")
    if not _VALUE.fullmatch(value):
        raise malformed(f"the header {name} has a line break or another character that headers can't hold")


def size_bytes(headers: Iterable[tuple[str, str]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
