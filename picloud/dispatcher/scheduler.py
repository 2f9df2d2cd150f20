"""Fires cron triggers. A due row is locked, its event written and its next time set in one commit: no node fires twice."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from picloud.domain import cron
from picloud.domain.clock import rfc3339
from picloud.domain.cron import Missed, Overlap
from picloud.domain.delivery import RetryPolicy
from picloud.domain.errors import Invalid
from picloud.domain.kinds import EventKind
from picloud.services.delivery.outbox import enqueue_values
from picloud.services.delivery.outbox_sql import ENQUEUE_BY_CURSOR

log = logging.getLogger(__name__)

BATCH = 100
LATE_S = 60.0
"""A time that passed longer ago counts as missed."""
ORDER_KEY = "cron"
"""Runs of one trigger whose overlap is `queue` follow each other."""

_DUE = f"""
    SELECT d.trigger_id::text, d.schedule, d.timezone, d.missed, d.overlap, d.next_at, now(), t.app_id::text,
           t.script_id::text, t.registered_by::text, t.max_attempts, t.backoff_base_s, t.backoff_cap_s, t.timeout_s,
           EXISTS (SELECT 1 FROM outbox AS o WHERE o.app_id = t.app_id AND o.trigger_id = t.id)
    FROM cron_trigger_details AS d JOIN triggers AS t ON t.id = d.trigger_id
    WHERE d.next_at <= now() ORDER BY d.next_at LIMIT {BATCH} FOR UPDATE OF d SKIP LOCKED
"""  # noqa: S608
_PLAN = "UPDATE cron_trigger_details SET next_at = %s WHERE trigger_id = %s"
_NEXT = "SELECT extract(epoch FROM min(next_at) - clock_timestamp())::float8 FROM cron_trigger_details"


@dataclass(frozen=True, slots=True)
class Due:
    """A trigger whose time has come."""

    trigger_id: str
    schedule: str
    timezone: str
    missed: str
    overlap: str
    next_at: datetime
    now: datetime
    app_id: str
    script_id: str
    registered_by: str
    policy: RetryPolicy
    still_busy: bool

    @property
    def late_s(self) -> float:
        return (self.now - self.next_at).total_seconds()

    def fires(self) -> bool:
        """By its policies on missed times and overlap."""
        if self.missed == Missed.SKIP and self.late_s > LATE_S:
            return False
        return not (self.overlap == Overlap.SKIP and self.still_busy)


def fire(cursor: Cursor, backlog_max: int) -> int:
    """Write the events of the triggers that are due, BATCH at most. How many were looked at. Commit is the caller's."""
    cursor.execute(_DUE)
    found = [_due(*row) for row in cursor.fetchall()]
    for due in found:
        if due.fires():
            _enqueue(cursor, due, backlog_max)
        cursor.execute(_PLAN, (_next_time(due), due.trigger_id))
    return len(found)


def next_cron_s(cursor: Cursor) -> float | None:
    """Seconds until a trigger is due; None: there is none."""
    cursor.execute(_NEXT)
    row = cursor.fetchone()
    return None if row is None else row[0]


def _enqueue(cursor: Cursor, due: Due, backlog_max: int) -> None:
    payload = {
        "schedule": due.schedule,
        "scheduled_for": rfc3339(due.next_at),
        "late_by_s": round(due.late_s, 3),
    }
    values = enqueue_values(
        UUID(due.app_id),
        UUID(due.script_id),
        EventKind.CRON,
        payload,
        due.policy,
        trigger_id=UUID(due.trigger_id),
        principal_id=UUID(due.registered_by),
        order_key=ORDER_KEY if due.overlap == Overlap.QUEUE else None,
        backlog_max=backlog_max,
    )
    cursor.execute(ENQUEUE_BY_CURSOR, {k: str(v) if isinstance(v, UUID) else v for k, v in values.items()})
    if cursor.fetchone() is None:
        log.error("a cron event found the backlog full", extra={"fields": {"trigger_id": due.trigger_id}})


def _next_time(due: Due) -> datetime | None:
    """None where a time zone is no longer known to this machine: then the trigger rests until it is changed."""
    try:
        return cron.next_time(due.schedule, due.timezone, due.now)
    except Invalid as error:
        log.error(
            "a cron trigger can't be planned", extra={"fields": {"trigger_id": due.trigger_id, "why": str(error)}}
        )
        return None


def _due(*row: Any) -> Due:
    trigger_id, schedule, timezone, missed, overlap, next_at, now, app_id, script_id, registered_by = row[:10]
    policy, still_busy = RetryPolicy(*row[10:14]), row[14]
    moments = (next_at.astimezone(UTC), now.astimezone(UTC))
    return Due(
        trigger_id, schedule, timezone, missed, overlap, *moments, app_id, script_id, registered_by, policy, still_busy
    )
