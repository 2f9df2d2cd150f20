"""Lists of addresses, as they stand in headers (RFC 5322, 3.4) and as providers spell them."""

import re
from collections.abc import Iterator

from picloud.inbound.encoded_words import readable
from picloud.inbound.limits import ADDRESS_MAX_CHARS, ADDRESSES_MAX

# Each token is one piece whose commas don't part addresses, or one character that might. Escaped characters go in pairs
# everywhere, so that at most one quotation mark is looked for its end in vain: the time stays linear.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|<[^<>]*+>|\((?:[^()\\]|\\.)*+\)|[,;:]|(?:[^",;:<(\\]|\\.)++|.', re.DOTALL)
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,."]')
_UNFIT = re.compile(r"[\x00-\x1f\x7f]+")
_VALUE_MAX_CHARS = 256 * 1024


def split(value: str) -> list[str]:
    """The addresses in a header's value, each as it stands there, decoded. Groups give their members."""
    addresses: list[str] = []
    for piece in _pieces(value[:_VALUE_MAX_CHARS]):
        address = one(piece)
        if address:
            addresses.append(address)
        if len(addresses) == ADDRESSES_MAX:
            break
    return addresses


def one(value: str) -> str:
    """One address on one line, with a name that was encoded decoded, and quoted where that needs it."""
    if "=?" not in value:
        return fitted(value)
    name, bracket, rest = value.rpartition("<")
    return named(readable(name.strip().strip('"')), rest.rstrip(" \t\r\n>")) if bracket else fitted(readable(value))


def named(name: str | None, address: str) -> str:
    """`name <address>`; the address alone without a name."""
    plain = _UNFIT.sub(" ", name or "").strip()
    if not plain or not address:
        return fitted(address or plain)
    if _SPECIAL.search(plain):
        escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
        plain = f'"{escaped}"'
    return fitted(f"{plain} <{address}>")


def fitted(value: str) -> str:
    """What an address may be here: no control characters, at most 998 characters, no brackets around the whole."""
    plain = _UNFIT.sub(" ", value).strip()
    alone = plain.startswith("<") and plain.endswith(">") and plain.count("<") == 1
    return (plain[1:-1].strip() if alone else plain)[:ADDRESS_MAX_CHARS]


def bare(address: str) -> str:
    """The part within `<…>`, or the whole where there is none."""
    return address.rpartition("<")[2].partition(">")[0].strip() if "<" in address else address.strip()


def _pieces(value: str) -> Iterator[str]:
    groups = ";" in value
    start = 0
    for token in _TOKEN.finditer(value):
        mark = token[0]
        if mark == ":" and groups:
            start = token.end()
        elif mark in (",", ";"):
            yield value[start : token.start()]
            start = token.end()
    yield value[start:]
