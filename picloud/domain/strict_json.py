"""JSON (RFC 8259) from people we don't know, read without surprises.

The standard library's reader takes NaN and duplicate keys, raises three sorts of exception, and turns 10 MiB of
`[[],[],…]` into hundreds of MiB. msgspec's takes duplicate keys and refuses the lone surrogates that real mail has.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from picloud.domain.errors import Invalid, PicloudError

MAX_PARTS = 100_000
NUMBER_CHARS_MAX = 400

# Every character belongs to one token: a string (closed or not), a bracket, or all that stands between them.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]|[^"\[\]{}]++', re.DOTALL)


class _BadNumber(ValueError):
    """A number or constant that JSON, or we, don't take. The argument is its text."""


class _DuplicateKey(ValueError):
    """An object has a key twice. The argument is the key."""


def loads(raw: bytes, *, max_depth: int = 64, max_parts: int = MAX_PARTS, error: type[PicloudError] = Invalid) -> Any:
    """The value that `raw` spells. Strings may hold NUL and lone surrogates: see `domain.text.clean`.

    Raises `error`, whose detail says what is wrong and where, for: not UTF-8, a byte order mark, no JSON, NaN and
    Infinity, numbers beyond a double or longer than 400 characters, a key twice in one object, more than `max_depth`
    containers inside one another, more than `max_parts` containers, strings and commas. The last two are looked for
    before anything is built, so that what is built stays under about 100 bytes a part, besides the text itself.
    """
    text = _decode(raw, error)
    _check_limits(text, max_depth, max_parts, error)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as wrong:
        raise error(f"Not JSON: {wrong.msg}, {_place(text, wrong.pos)}") from None
    except _BadNumber as wrong:
        literal = str(wrong)
        place = _place(text, _find_literal(text, literal))
        raise error(f"Not a number that is taken here: {_shown(literal)}, {place}") from None
    except _DuplicateKey as wrong:
        raise error(f"The key {_shown(str(wrong))} stands twice in one object") from None


def _decode(raw: bytes, error: type[PicloudError]) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise error(f"Not UTF-8: byte 0x{raw[wrong.start]:02x} at offset {wrong.start}") from None
    if text.startswith("\ufeff"):
        raise error("Not JSON: a byte order mark at offset 0")
    return text


def _check_limits(text: str, max_depth: int, max_parts: int, error: type[PicloudError]) -> None:
    depth = parts = 0
    for token in _TOKEN.finditer(text):
        start, end = token.span()
        first = text[start]
        if first in "]}":
            depth -= 1
        elif first in "[{":
            depth += 1
            parts += 1
        else:
            parts += 1 if first == '"' else text.count(",", start, end)
        if depth < 0:
            return  # the parser gets no further than this either, and says it better
        if depth > max_depth:
            raise error(f"Too deep: more than {max_depth} levels, {_place(text, start)}")
        if parts > max_parts:
            raise error(f"Too many parts: more than {max_parts} by {_place(text, start)}")


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"line {line} column {offset - text.rfind(chr(10), 0, offset)}"


def _find_literal(text: str, literal: str) -> int:
    """Where `literal` first stands outside strings. All before it was read, so nothing there can contain it."""
    spans = (token.span() for token in _TOKEN.finditer(text) if text[token.start()] != '"')
    return next(at for at in (text.find(literal, *span) for span in spans) if at >= 0)


def _shown(text: str) -> str:
    """`text` for a message: short, ASCII, in quotes."""
    return json.dumps(text if len(text) <= 40 else text[:40] + "…")


def _integer(literal: str) -> int:
    if len(literal) > NUMBER_CHARS_MAX:
        raise _BadNumber(literal)
    return int(literal)


def _real(literal: str) -> float:
    value = float(literal)
    if len(literal) > NUMBER_CHARS_MAX or not math.isfinite(value):
        raise _BadNumber(literal)
    return value


def _constant(literal: str) -> Any:
    raise _BadNumber(literal)


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise _DuplicateKey(key)
        value[key] = item
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant)
