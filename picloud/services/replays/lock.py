"""Keeps events from being removed between a replay's look at them and its commit."""

from sqlalchemy import text

_LOCK_KEY = 0x70696372

HOLD_EVENTS = text(f"SELECT pg_advisory_xact_lock_shared({_LOCK_KEY})")
"""Until the end of this transaction no event is removed."""
TRY_CLEARING = text(f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})")
"""Whether events may be removed in this transaction; replays wait until its end."""
