"""Reading decoded JSON by a declared shape: every mistake gets a JSON pointer (RFC 6901), not the first alone.

A `Read` takes a value, its pointer and the list of mistakes. It gives the value back, cleaned of what jsonb refuses,
or notes what is wrong with it; what it gives back then doesn't matter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from re import Pattern
from typing import Any

from picloud.domain.errors import FieldError
from picloud.domain.text import clean

Mistakes = list[FieldError]
Read = Callable[[Any, str, Mistakes], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object. Left out, it reads as `absent` (JSON), or is None where that is None."""

    read: Read
    absent: Any = None
    required: bool = False


def text(*, least: int = 0, most: int | None = None, refused: Pattern[str] | None = None) -> Read:
    """A string of `least` to `most` characters (code points), with nothing that `refused` finds in it."""

    def read(value: Any, pointer: str, mistakes: Mistakes) -> Any:
        if not isinstance(value, str):
            return note(mistakes, pointer, "must be a string")
        if len(value) < least:
            return note(mistakes, pointer, f"must have at least {least} characters")
        if most is not None and len(value) > most:
            return note(mistakes, pointer, f"must have at most {most} characters")
        if refused is not None and refused.search(value):
            return note(mistakes, pointer, "has a character that is not allowed here")
        return clean(value)

    return read


def one_of(*values: str) -> Read:
    def read(value: Any, pointer: str, mistakes: Mistakes) -> Any:
        if value in values:
            return value
        return note(mistakes, pointer, "must be one of: " + ", ".join(values))

    return read


def number(value: Any, pointer: str, mistakes: Mistakes) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return note(mistakes, pointer, "must be a number")
    return value


def boolean(value: Any, pointer: str, mistakes: Mistakes) -> Any:
    return value if isinstance(value, bool) else note(mistakes, pointer, "must be true or false")


def size(value: Any, pointer: str, mistakes: Mistakes) -> Any:
    """A whole number from 0 on. JSON has one sort of number, so 3.0 is one."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or value < 0:
        return note(mistakes, pointer, "must be a whole number, 0 or more")
    return int(value)


def nullable(read: Read) -> Read:
    return lambda value, pointer, mistakes: None if value is None else read(value, pointer, mistakes)


def array(item: Read, *, least: int = 0, most: int) -> Read:
    def read(value: Any, pointer: str, mistakes: Mistakes) -> Any:
        if not isinstance(value, list):
            return note(mistakes, pointer, "must be an array")
        if not least <= len(value) <= most:
            return note(mistakes, pointer, f"must have {least} to {most} entries")
        return [item(entry, f"{pointer}/{index}", mistakes) for index, entry in enumerate(value)]

    return read


def record(fields: Mapping[str, Field]) -> Read:
    """An object with `fields`; others are left out. The result has every field."""

    def read(value: Any, pointer: str, mistakes: Mistakes) -> Any:
        if not isinstance(value, dict):
            return note(mistakes, pointer, "must be an object")
        return {name: _read_field(value, name, field, pointer, mistakes) for name, field in fields.items()}

    return read


def note(mistakes: Mistakes, pointer: str, detail: str) -> None:
    mistakes.append(FieldError(pointer, detail))


def _read_field(value: dict[str, Any], name: str, field: Field, pointer: str, mistakes: Mistakes) -> Any:
    if name in value:
        return field.read(value[name], f"{pointer}/{name}", mistakes)
    if field.required:
        return note(mistakes, f"{pointer}/{name}", "is missing")
    return None if field.absent is None else field.read(field.absent, f"{pointer}/{name}", mistakes)
