"""Rules of queues: names, keys, delays."""

import re

from picloud.domain.errors import invalid
from picloud.domain.text import storable

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
KEY_MAX_CHARS = 200
DELAY_MAX_S = 30 * 86_400.0


def check_name(name: str) -> None:
    """Raises Invalid."""
    if not NAME.fullmatch(name):
        raise invalid(
            "/queue", "has to be 1 to 100 of A-Z, a-z, 0-9, _, . and -, and to start with none of the last two"
        )


def check_message(delay_s: float, key: str | None) -> None:
    """Raises Invalid."""
    if not 0 <= delay_s <= DELAY_MAX_S:
        raise invalid("/delay_s", f"has to be from 0 to {DELAY_MAX_S:g}")
    if key is not None and (not 1 <= len(key) <= KEY_MAX_CHARS or not storable(key)):
        raise invalid(
            "/key", f"has to have 1 to {KEY_MAX_CHARS} characters, none of them NUL or half of a surrogate pair"
        )
