"""Rules of the store: names, values, what one change is."""

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from picloud.domain.errors import invalid
from picloud.domain.strict_json import NUMBER_CHARS_MAX
from picloud.domain.text import storable

COLLECTION_MAX_CHARS = 200
KEY_MAX_CHARS = 512
NESTING_MAX = 63
"""Lists and objects inside one another in a value or a message. A request's body may have one more, to hold it."""

_MANY_DIGITS = re.compile(rf"\d{{{NUMBER_CHARS_MAX}}}")


class KvOp(StrEnum):
    """What happened to an entry."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class KvChange:
    """One entry's change. `value` is None for a delete, `old_value` for an insert."""

    op: KvOp
    collection: str
    key: str
    value: Any
    old_value: Any


def check_names(collection: str, key: str | None = None) -> None:
    """Raises Invalid."""
    _check_name("/collection", collection, COLLECTION_MAX_CHARS)
    if key is not None:
        _check_name("/key", key, KEY_MAX_CHARS)


def encode(value: Any, max_bytes: int) -> str:
    """`value` as JSON. Raises Invalid for what JSON or PostgreSQL can't hold, and for what is too large or too deep."""
    check_nesting("/value", value)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid("/value", f"can't be said in JSON: {error}") from None
    if len(text) > max_bytes:
        raise invalid("/value", f"has {len(text)} bytes as JSON; {max_bytes} may be")
    if _MANY_DIGITS.search(text) and _holds_too_long_a_number(value):
        raise invalid("/value", f"holds a number of more than {NUMBER_CHARS_MAX} digits")
    return text


def same(left: Any, right: Any) -> bool:
    """Equality as JSON: unlike Python's, `1`, `1.0` and `true` are three values. What is too deep equals nothing."""
    return not _too_deep(right) and json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def check_nesting(pointer: str, value: Any) -> None:
    """Raises Invalid for more than NESTING_MAX levels: beyond some hundreds, readers of JSON give up."""
    if _too_deep(value):
        raise invalid(pointer, f"has more than {NESTING_MAX} lists and objects inside one another")


def after_all_with(prefix: str) -> str | None:
    """The least text after all that start with `prefix`, in the order of their code points. None: there is none."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1]) + 1
        if code <= sys.maxunicode:
            return prefix[: end - 1] + chr(0xE000 if code == 0xD800 else code)  # no text here holds a surrogate
    return None


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(NESTING_MAX + 1):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return False
    return True


def _holds_too_long_a_number(value: Any) -> bool:
    if isinstance(value, int):
        return len(str(value)) > NUMBER_CHARS_MAX
    return any(map(_holds_too_long_a_number, _inside(value)))


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _check_name(pointer: str, name: str, most: int) -> None:
    if not 1 <= len(name) <= most or not storable(name):
        raise invalid(pointer, f"has to have 1 to {most} characters, none of them NUL or half of a surrogate pair")
