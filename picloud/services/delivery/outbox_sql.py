"""Statements of the outbox service: each does one thing in one round trip."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg2

from picloud.domain.kinds import Priority

_NAMES = (
    *("id", "app_id", "script_id", "event_id", "source_kind", "trigger_id", "principal_id"),
    *("attempt", "max_attempts", "policy_attempts", "backoff_base_s", "backoff_cap_s", "timeout_s", "priority"),
    "order_key",
)
DELIVERY_COLUMNS = ", ".join(_NAMES)
"""What the outbox and the dead letters have in common."""


def delivery_columns_of(table: str) -> str:
    """The same columns, in the same order, of a table or alias in a join."""
    return ", ".join(f"{table}.{name}" for name in _NAMES)


def rfc3339(moment: str) -> str:
    """An expression that spells the timestamp `moment`."""
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


# json_build_object takes the payload as it is: reading json by an operator fails on escapes that text can't hold.
EVENT_COPY = f"""
    CASE WHEN e.id IS NULL THEN 'null' ELSE json_build_object(
        'id', e.id, 'kind', e.kind, 'occurred_at', {rfc3339("e.occurred_at")},
        'trace_id', e.trace_id, 'depth', e.depth, e.kind, e.payload) END
"""
"""The event `e` as handlers see it, for a dead letter; JSON's null where it is not kept any more."""

_PLACES = "ARRAY[" + ", ".join(f"'{priority}'" for priority in Priority) + "]"
_PLACE_OF_NORMAL = list(Priority).index(Priority.NORMAL)

ENQUEUE = text(f"""
    WITH backlog AS (
        SELECT CASE WHEN NOT :room_known THEN
            (SELECT count(*) FROM (SELECT FROM outbox WHERE app_id = :app_id LIMIT :backlog_max) AS rows) END AS waiting
    ), room AS (
        SELECT waiting FROM backlog WHERE :room_known OR waiting < :backlog_max
    ), event AS (
        INSERT INTO events (id, app_id, kind, occurred_at, payload, trace_id, depth, origin_id)
        SELECT :event_id, :app_id, :kind, now(), :payload, :trace_id, :depth, :origin_id FROM room
    )
    INSERT INTO outbox (id, app_id, script_id, event_id, source_kind, trigger_id, principal_id,
                        max_attempts, policy_attempts, backoff_base_s, backoff_cap_s, timeout_s, due, order_key, priority)
    SELECT :id, :app_id, :script_id, :event_id, :kind, :trigger_id, :principal_id,
           :max_attempts, :max_attempts, :backoff_base_s, :backoff_cap_s, :timeout_s,
           CASE WHEN :delay_s > 0 THEN clock_timestamp() + make_interval(secs => :delay_s) ELSE now() END, :order_key,
           coalesce((SELECT array_position({_PLACES}, priority) - 1 FROM triggers WHERE id = :trigger_id),
                    {_PLACE_OF_NORMAL})
    FROM room RETURNING (SELECT waiting FROM room)
""")  # noqa: S608
"""No row: the backlog is full. Else how many waited, where that was counted: counting 60,000 takes 16 ms.

A delay begins here, not with the transaction: a run may have had that open for long.
"""

_dialect: Any = psycopg2.dialect
ENQUEUE_BY_CURSOR = str(ENQUEUE.compile(dialect=_dialect()))
"""The same for psycopg2's own cursors; ids have to be given as text."""

RETRY_NOW = text("""
    UPDATE outbox SET due = now(), manual = true WHERE id = :id AND app_id = :app_id AND epoch IS NULL RETURNING id
""")

CANCEL = text(f"""
    WITH gone AS (DELETE FROM outbox WHERE id = :id AND app_id = :app_id AND epoch IS NULL
                  RETURNING {DELIVERY_COLUMNS}, due, pinned_version)
    INSERT INTO dead_letters ({DELIVERY_COLUMNS}, state, event, error, trace_id, closed_at, due, version)
    SELECT {delivery_columns_of("gone")}, 'cancelled', {EVENT_COPY},
           json_build_object('type', 'Cancelled', 'message', 'Cancelled by hand.'), e.trace_id, now(), due, pinned_version
    FROM gone LEFT JOIN events AS e ON e.id = gone.event_id RETURNING id
""")  # noqa: S608

DISCARD = text("""
    UPDATE dead_letters SET state = 'discarded', closed_at = now()
    WHERE id = :id AND app_id = :app_id AND state = 'dead' RETURNING id
""")

RESTORE = text("""
    UPDATE dead_letters SET state = 'dead', closed_at = NULL
    WHERE id = :id AND app_id = :app_id AND state = 'discarded' RETURNING id
""")

STATE = text("""
    SELECT CASE WHEN epoch IS NULL THEN 'waiting' ELSE 'running' END FROM outbox WHERE id = :id AND app_id = :app_id
    UNION ALL SELECT state FROM dead_letters WHERE id = :id AND app_id = :app_id
    UNION ALL SELECT 'delivered' FROM executions WHERE delivery_id = :id AND app_id = :app_id AND status = 'ok'
    LIMIT 1
""")
