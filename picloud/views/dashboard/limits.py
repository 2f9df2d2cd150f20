"""Forms of limits: an empty field takes the one above."""

from collections.abc import Mapping
from typing import Any

from picloud.domain.errors import invalid
from picloud.domain.limits import LEAST

NAMES = tuple(LEAST)


def limits_of(form: Mapping[str, str]) -> dict[str, Any]:
    """As the API takes them. Raises Invalid."""
    return {name: number(form[name], f"/limits/{name}") for name in NAMES if name in form}


def number(text: str, pointer: str) -> float:
    """Raises Invalid."""
    try:
        value = float(text)
    except ValueError:
        raise invalid(pointer, "is no number") from None
    return int(value) if value.is_integer() else value
