"""Rules of the store: names, values, what one change is."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from picloud.domain.errors import invalid
from picloud.domain.text import storable

COLLECTION_MAX_CHARS = 200
KEY_MAX_CHARS = 512


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
    """`value` as JSON. Raises Invalid for what JSON or PostgreSQL can't hold, and for what is too large."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid("/value", f"can't be said in JSON: {error}") from None
    if len(text) > max_bytes:
        raise invalid("/value", f"has {len(text)} bytes as JSON; {max_bytes} may be")
    return text


def same(left: Any, right: Any) -> bool:
    """Equality as JSON: unlike Python's, `1`, `1.0` and `true` are three values."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _check_name(pointer: str, name: str, most: int) -> None:
    if not 1 <= len(name) <= most or not storable(name):
        raise invalid(pointer, f"has to have 1 to {most} characters, none of them NUL or half of a surrogate pair")
