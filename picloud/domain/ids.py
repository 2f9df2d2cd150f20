"""Identifiers: UUIDv7 (RFC 9562, 5.7), so that an id's order is the order of time and its prefix names the day."""

import os
import time
from datetime import datetime
from threading import Lock
from uuid import UUID

_COUNTER_BITS = 74
_DAY_MS = 86_400_000
_lock = Lock()
_last_ms = 0
_last_counter = 0


def uuid7() -> UUID:
    """A new id, greater than every id that this process made before."""
    global _last_ms, _last_counter
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        counter = int.from_bytes(os.urandom(10), "big") >> 7  # top bit clear: room to count up
        if now_ms <= _last_ms:  # the same millisecond, or the clock stepped back: count up from the last id
            now_ms, counter = _last_ms, _last_counter + 1 + (counter & 0xFFFFFF)
        _last_ms, _last_counter = now_ms + (counter >> _COUNTER_BITS), counter & ((1 << _COUNTER_BITS) - 1)
        high, low = _last_counter >> 62, _last_counter & ((1 << 62) - 1)
        return UUID(int=_last_ms << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


def lower_bound(moment: datetime) -> UUID:
    """The least UUIDv7-ordered value of `moment`, or of 1970: a bound for ranges over ids, not itself an id."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def a_day_before(id_: UUID) -> UUID:
    """A bound for what was made with `id_` or later, by clocks that may differ."""
    return UUID(int=max(0, (id_.int >> 80) - _DAY_MS) << 80)


def parse(text: str) -> UUID | None:
    """The id that `text` spells in canonical form, or None."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
