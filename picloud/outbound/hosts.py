"""Host names, brought to the one form in which they are compared, resolved, sent and checked against certificates."""

import re

from picloud.outbound.errors import malformed

HOST_MAX_CHARS = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_READ_IN_TWO_WAYS = re.compile("[\u00df\u03c2\u200c\u200d]")


def normal_host(text: str) -> str:
    """Lower-case ASCII without a trailing dot. Raises OutboundRefused, for IP addresses in any spelling too.

    Other scripts become Punycode by IDNA 2003 (RFC 3490, the standard library's). The four characters that IDNA 2008
    reads otherwise are refused: the two would reach different servers.
    """
    if not text or len(text) > HOST_MAX_CHARS + 1:
        raise malformed("the url has no host name, or one that is too long")
    if _READ_IN_TWO_WAYS.search(text):
        raise malformed("the host name has a character that programs read in two ways: write its xn-- form")
    host = _ascii(text).lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > HOST_MAX_CHARS or not all(_LABEL.fullmatch(label) for label in labels):
        raise malformed("the url's host is not a host name (user names belong into an Authorization header)")
    if _NUMBER.fullmatch(labels[-1]):
        raise malformed("the url's host is an address: use a host name")
    return host


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text.encode("idna").decode("ascii")
    except ValueError:
        raise malformed("the url's host is not an internationalised host name") from None
