"""Takes due deliveries out of everybody else's reach for the time of a lease. Only the database's clock decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.verdict import Attempts
from picloud.domain.delivery import RetryPolicy
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind
from picloud.services.array_literal import array_literal
from picloud.services.outbox_sql import rfc3339

# The order is first come, first served. Fair claiming between apps will replace `ready`, and nothing else.
_CLAIM = f"""
    WITH ready AS MATERIALIZED (
        SELECT id, event_id, principal_id, epoch AS lost_epoch FROM outbox
        WHERE due <= now() ORDER BY due, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox AS o SET attempt = o.attempt + 1, epoch = %(epoch)s, due = now() + make_interval(secs => %(lease_s)s)
    FROM ready LEFT JOIN events AS e ON e.id = ready.event_id LEFT JOIN users AS u ON u.id = ready.principal_id
    WHERE o.id = ready.id
    RETURNING o.id, o.app_id, o.script_id, o.event_id, o.source_kind, o.trigger_id, u.email,
              o.attempt, o.max_attempts, o.policy_attempts, o.backoff_base_s, o.backoff_cap_s, o.timeout_s, o.manual,
              {rfc3339("e.occurred_at")}, e.trace_id, e.depth, e.payload::text, ready.lost_epoch
"""  # noqa: S608

_NEXT_DUE = """
    SELECT extract(epoch FROM min(due) - clock_timestamp())::float8 FROM outbox WHERE epoch IS DISTINCT FROM %s
"""

# Nobody can say when a lost attempt started; what is known is when it was missed.
_RECORD_LOST = """
    INSERT INTO executions (id, app_id, delivery_id, event_id, trigger_id, script_id, script, version, kind, attempt,
                            max_attempts, manual, status, started_at, wall_ms, cpu_ms, memory_peak_bytes, limits, logs,
                            error, trace_id)
    SELECT r.id, o.app_id, o.id, o.event_id, o.trigger_id, o.script_id, s.name, NULL, o.source_kind, o.attempt - 1,
           o.max_attempts, o.manual, 'lost', now(), 0, 0, 0, '{}', '[]', %s, coalesce(r.trace_id, o.event_id)
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS r(id, delivery_id, trace_id)
    JOIN outbox AS o ON o.id = r.delivery_id JOIN scripts AS s ON s.id = o.script_id
"""

LOST = {"type": "Lost", "message": "The node that ran it died or was away for longer than its lease."}


@dataclass(slots=True, eq=False)
class Claimed:
    """A delivery in our hands. `payload` is JSON text; None where the event is not kept any more."""

    id: UUID
    app_id: UUID
    script_id: UUID
    event_id: UUID
    kind: EventKind
    trigger_id: UUID | None
    principal: str | None
    attempts: Attempts
    timeout_s: float
    manual: bool
    occurred_at: str
    trace_id: UUID
    depth: int
    payload: str | None
    lost_before: bool
    forsaken: bool = False
    """Another node has taken it: not worth starting."""

    @property
    def key(self) -> tuple[UUID, int]:
        return self.id, self.attempts.attempt

    def event(self) -> dict[str, Any]:
        """What the handler sees as `ctx.event`."""
        return {
            "id": self.event_id,
            "kind": self.kind,
            "attempt": self.attempts.attempt,
            "occurred_at": self.occurred_at,
            "trace_id": self.trace_id,
            "depth": self.depth,
            self.kind.value: msgspec.Raw((self.payload or "null").encode()),
        }


def claim(cursor: Cursor, epoch: int, lease_s: float, limit: int) -> list[Claimed]:
    """Claim up to `limit` due deliveries for `epoch`; record the attempts that other claims of them have lost."""
    cursor.execute(_CLAIM, {"epoch": epoch, "lease_s": lease_s, "limit": limit})
    claimed = [_claimed(*row) for row in cursor.fetchall()]
    lost = [row for row in claimed if row.lost_before]
    if lost:
        arrays = ((uuid7() for _ in lost), (row.id for row in lost), (row.trace_id for row in lost))
        cursor.execute(_RECORD_LOST, [msgspec.json.encode(LOST).decode(), *map(array_literal, arrays)])
    return claimed


def next_due_s(cursor: Cursor, epoch: int) -> float | None:
    """Seconds until the next delivery that `epoch` does not hold is due; None: there is none."""
    cursor.execute(_NEXT_DUE, (epoch,))
    row = cursor.fetchone()
    return None if row is None else row[0]


def _claimed(*row: Any) -> Claimed:
    (id_, app_id, script_id, event_id, kind, trigger_id, principal, attempt, max_attempts, policy_attempts) = row[:10]
    (base_s, cap_s, timeout_s, manual, occurred_at, trace_id, depth, payload, lost_epoch) = row[10:]
    return Claimed(
        id_,
        app_id,
        script_id,
        event_id,
        EventKind(kind),
        trigger_id,
        principal,
        Attempts(attempt, max_attempts, RetryPolicy(policy_attempts, base_s, cap_s, timeout_s)),
        timeout_s,
        manual,
        occurred_at or "",
        trace_id or event_id,
        depth or 0,
        payload,
        lost_epoch is not None,
    )


def by_key(rows: Sequence[Claimed]) -> tuple[str, str]:
    """Ids and attempts as two arrays: with the epoch, the fence of every change to a delivery in hand."""
    return array_literal(row.id for row in rows), array_literal(row.attempts.attempt for row in rows)
