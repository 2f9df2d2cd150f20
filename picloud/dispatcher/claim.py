"""Takes due deliveries out of everybody else's reach for the time of a lease. Only the database's clock decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine, text

from picloud.dispatcher.verdict import Attempts
from picloud.domain.delivery import RetryPolicy
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind
from picloud.services.array_literal import array_literal
from picloud.services.outbox_sql import rfc3339
from picloud.services.prepared import Prepared

SMALL_BYTES = 8 * 1024
"""Stored size of a payload that is claimed with its delivery. What waits in memory for a worker is bounded so."""

IN_ORDER = """(w.order_key IS NULL OR NOT EXISTS (
    SELECT 1 FROM outbox AS p WHERE p.trigger_id = w.trigger_id AND p.order_key = w.order_key AND p.id < w.id))"""
"""Of the deliveries with one key only the oldest may run; the others wait for its end, however long that takes."""

# The order is first come, first served. Fair claiming between apps will replace `ready`, and nothing else.
_CLAIM = Prepared(
    "picloud_claim",
    f"""
    WITH ready AS MATERIALIZED (
        SELECT id, event_id, principal_id, epoch AS lost_epoch FROM outbox AS w
        WHERE due <= now() AND {IN_ORDER} ORDER BY due, id LIMIT $1::int FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox AS o SET attempt = o.attempt + 1, epoch = $2::bigint, due = now() + make_interval(secs => $3::float8)
    FROM ready LEFT JOIN events AS e ON e.id = ready.event_id LEFT JOIN users AS u ON u.id = ready.principal_id
    WHERE o.id = ready.id
    RETURNING o.id::text, o.app_id::text, o.script_id::text, o.event_id::text, o.source_kind, o.trigger_id::text,
              u.email, o.attempt, o.max_attempts, o.policy_attempts, o.backoff_base_s, o.backoff_cap_s, o.timeout_s,
              o.manual, {rfc3339("e.occurred_at")}, e.trace_id::text, e.depth,
              CASE WHEN pg_column_size(e.payload) <= {SMALL_BYTES} THEN e.payload::text END, ready.lost_epoch,
              o.trigger_id IS NULL OR u.disabled_at IS NULL AND (u.role IN ('owner', 'admin') OR EXISTS (
                  SELECT 1 FROM app_members AS m
                  WHERE m.app_id = o.app_id AND m.user_id = u.id AND m.role = 'app_admin'))
    """,  # noqa: S608
)

_PAYLOAD = "SELECT payload::text FROM events WHERE id = :id"

_NEXT_DUE = Prepared(
    "picloud_next_due",
    f"""
    SELECT extract(epoch FROM min(due) - clock_timestamp())::float8 FROM outbox AS w
    WHERE epoch IS DISTINCT FROM $1::bigint AND {IN_ORDER}
    """,  # noqa: S608
)

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

_uuid = lru_cache(maxsize=4096)(UUID)

LOST = {"type": "Lost", "message": "The node that ran it died or was away for longer than its lease."}


@dataclass(slots=True, eq=False)
class Claimed:
    """A delivery in our hands. Ids that only pass through are text: making UUIDs of them takes time.

    `payload` is JSON text; None for a large one, which is loaded when it is needed, or one that is not kept any more.
    """

    id: str
    app_id: UUID
    script_id: UUID
    event_id: str
    kind: EventKind
    trigger_id: str | None
    principal: str | None
    attempts: Attempts
    timeout_s: float
    manual: bool
    occurred_at: str
    trace_id: str
    depth: int
    payload: str | None
    lost_before: bool
    epoch: int
    permitted: bool
    """Whether who registered the trigger may still have it run."""
    forsaken: bool = False
    """Another node has taken it: not worth starting."""

    @property
    def key(self) -> tuple[str, int]:
        return self.id, self.attempts.attempt

    def event(self, payload: str) -> dict[str, Any]:
        """What the handler sees as `ctx.event`."""
        return {
            "id": self.event_id,
            "kind": self.kind,
            "attempt": self.attempts.attempt,
            "occurred_at": self.occurred_at,
            "trace_id": self.trace_id,
            "depth": self.depth,
            self.kind.value: msgspec.Raw(payload.encode()),
        }


def claim(cursor: Cursor, epoch: int, lease_s: float, limit: int) -> list[Claimed]:
    """Claim up to `limit` due deliveries for `epoch`; record the attempts that other claims of them have lost."""
    _CLAIM.execute(cursor, limit, epoch, lease_s)
    claimed = [_claimed(epoch, *row) for row in cursor.fetchall()]
    lost = [row for row in claimed if row.lost_before]
    if lost:
        arrays = ((uuid7() for _ in lost), (row.id for row in lost), (row.trace_id for row in lost))
        cursor.execute(_RECORD_LOST, [msgspec.json.encode(LOST).decode(), *map(array_literal, arrays)])
    return claimed


def load_payload(engine: Engine, event_id: str) -> str | None:
    """A payload that was too large to be claimed with its delivery. None: it is not kept any more."""
    with engine.connect() as connection:
        found: str | None = connection.execute(text(_PAYLOAD), {"id": event_id}).scalar_one_or_none()
        return found


def next_due_s(cursor: Cursor, epoch: int) -> float | None:
    """Seconds until the next delivery that `epoch` does not hold is due; None: there is none."""
    _NEXT_DUE.execute(cursor, epoch)
    row = cursor.fetchone()
    return None if row is None else row[0]


def _claimed(epoch: int, *row: Any) -> Claimed:
    (id_, app_id, script_id, event_id, kind, trigger_id, principal, attempt, max_attempts, policy_attempts) = row[:10]
    (base_s, cap_s, timeout_s, manual, occurred_at, trace_id, depth, payload, lost_epoch, permitted) = row[10:]
    return Claimed(
        id_,
        _uuid(app_id),
        _uuid(script_id),
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
        epoch,
        bool(permitted),
    )


def by_key(rows: Sequence[Claimed]) -> tuple[str, str]:
    """Ids and attempts as two arrays: with the epoch, the fence of every change to a delivery in hand."""
    return array_literal(row.id for row in rows), array_literal(row.attempts.attempt for row in rows)
