"""Statements that choose what to claim, and look for what comes next. Their cost hangs on apps and batch, not on backlog."""

from picloud.domain.kinds import Priority
from picloud.services.code.prepared import Prepared
from picloud.services.delivery.outbox_sql import rfc3339

SMALL_BYTES = 8 * 1024
"""Stored size of a payload that is claimed with its delivery. What waits in memory for a worker is bounded so."""

IN_ORDER = """(w.order_key IS NULL OR NOT EXISTS (
    SELECT 1 FROM outbox AS p WHERE p.trigger_id = w.trigger_id AND p.order_key = w.order_key AND p.id < w.id)
    AND NOT EXISTS (
    SELECT 1 FROM outbox AS p WHERE p.trigger_id = w.trigger_id AND p.order_key = w.order_key AND p.epoch IS NOT NULL))"""
"""Of the deliveries with one key only the oldest may run; the others wait for its end, however long that takes.

A later one may be running already: ids are made before the commit, and by different clocks.
"""


def _in_order(triggers: str, keys: str) -> str:
    """The same. Those of the crowded keys that are not the first are passed over, at a fraction of its price."""
    crowded = f"unnest({triggers}::uuid[], {keys}::text[]) AS c(trigger_id, order_key)"
    first = "SELECT f.id FROM outbox AS f WHERE f.trigger_id = c.trigger_id AND f.order_key = c.order_key ORDER BY f.id"
    return f"""(w.order_key IS NULL OR w.order_key <> ALL ({keys}::text[])
        OR concat(w.trigger_id, w.order_key) <> ALL (ARRAY(SELECT concat(c.trigger_id, c.order_key) FROM {crowded}))
        OR w.id = ANY (ARRAY(SELECT ({first} LIMIT 1) FROM {crowded}))) AND {IN_ORDER}"""  # noqa: S608


_PRIORITIES = f"unnest('{{{','.join(str(place) for place, _ in enumerate(Priority))}}}'::smallint[]) AS p(priority)"
_WAITS = "w.epoch IS NULL AND w.due >= $4::timestamptz AND w.due <= now()"

# The apps with something to do, from the one after `$6` round to itself: a loose index scan, as far as it is asked for.
_TURN = f"""
    turn AS (
        SELECT $6::uuid AS app_id, false AS wrapped
        UNION ALL
        SELECT next.app_id, next.wrapped FROM turn CROSS JOIN LATERAL (
            (SELECT w.app_id, turn.wrapped FROM outbox AS w
             WHERE w.app_id > turn.app_id AND (NOT turn.wrapped OR w.app_id <= $6) AND {_WAITS}
             ORDER BY w.app_id LIMIT 1)
            UNION ALL
            (SELECT w.app_id, true FROM outbox AS w WHERE NOT turn.wrapped AND w.app_id <= $6 AND {_WAITS}
             ORDER BY w.app_id LIMIT 1)
            LIMIT 1
        ) AS next
    )
"""  # noqa: S608

# An app's oldest by priority, put together of its scripts' oldest. `least` takes no notice of NULL: no cap.
_OF_APP = f"""
    SELECT oldest.id, oldest.event_id, oldest.principal_id,
           row_number() OVER (ORDER BY oldest.priority, oldest.due, oldest.id) AS place
    FROM scripts AS s CROSS JOIN LATERAL (
        SELECT lane.* FROM {_PRIORITIES} CROSS JOIN LATERAL (
            SELECT w.id, w.event_id, w.principal_id, w.priority, w.due FROM outbox AS w
            WHERE w.app_id = turn.app_id AND w.script_id = s.id AND w.priority = p.priority AND {_WAITS}
              AND {_in_order("$11", "$12")}
            ORDER BY w.due, w.id LIMIT share.each FOR UPDATE SKIP LOCKED
        ) AS lane
        LIMIT least(share.each, (SELECT c.room FROM unnest($9::uuid[], $10::int[]) AS c(id, room) WHERE c.id = s.id))
    ) AS oldest
    WHERE s.app_id = turn.app_id ORDER BY place
    LIMIT least(share.each, (SELECT c.room FROM unnest($7::uuid[], $8::int[]) AS c(id, room) WHERE c.id = turn.app_id))
"""  # noqa: S608

# First what nodes have lost, then of each app the same share of the room that is left.
CLAIM = Prepared(
    "picloud_claim",
    f"""
    WITH RECURSIVE {_TURN}, lost AS MATERIALIZED (
        SELECT w.id, w.event_id, w.principal_id, w.epoch FROM outbox AS w
        WHERE w.epoch IS NOT NULL AND w.due >= $5::timestamptz AND w.due <= now()
        ORDER BY w.due LIMIT $1::int FOR UPDATE SKIP LOCKED
    ), share AS MATERIALIZED (
        SELECT room, ceil(room / greatest(apps, 1)::float8)::int AS each
        FROM (SELECT $1 - count(*)::int AS room FROM lost) AS rest,
             (SELECT count(*) AS apps FROM (SELECT FROM turn OFFSET 1 LIMIT $1) AS asked) AS counted
    ), ready AS MATERIALIZED (
        SELECT id, event_id, principal_id, 0 AS place, 0 AS each, epoch AS lost_epoch FROM lost
        UNION ALL
        (SELECT own.*, share.each, NULL FROM share CROSS JOIN (SELECT app_id FROM turn OFFSET 1) AS turn
         CROSS JOIN LATERAL ({_OF_APP}) AS own LIMIT (SELECT room FROM share))
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
                  WHERE m.app_id = o.app_id AND m.user_id = u.id AND m.role = 'app_admin')),
              o.order_key IS NOT NULL, ready.place, ready.each
    """,  # noqa: S608
)
"""Room, epoch, lease in seconds; the marks below which nothing waits and nothing is held; the app whose turn was last;
capped apps and how many of each may be claimed; the same of scripts; the crowded keys' triggers, and the keys.
"""

_HELD_BY_OTHERS = """
    SELECT due FROM outbox WHERE epoch IS NOT NULL AND epoch <> $1::bigint AND due >= $3::timestamptz
    ORDER BY due LIMIT 1
"""

NEXT_DUE = Prepared(
    "picloud_next_due",
    f"""
    SELECT extract(epoch FROM least(
        (SELECT w.due FROM outbox AS w WHERE w.epoch IS NULL AND w.due >= $2::timestamptz AND {_in_order("$4", "$5")}
         ORDER BY w.due LIMIT 1),
        ({_HELD_BY_OTHERS})) - clock_timestamp())::float8
    """,  # noqa: S608
)
"""Epoch, marks, crowded keys."""

NEXT_DUE_BUT = Prepared(
    "picloud_next_due_but",
    f"""
    SELECT extract(epoch FROM least(
        (SELECT min(first.due) FROM scripts AS s CROSS JOIN {_PRIORITIES} CROSS JOIN LATERAL (
             SELECT w.due FROM outbox AS w
             WHERE w.app_id = s.app_id AND w.script_id = s.id AND w.priority = p.priority AND w.epoch IS NULL
               AND w.due >= $2::timestamptz AND {_in_order("$4", "$5")}
             ORDER BY w.due, w.id LIMIT 1
         ) AS first
         WHERE s.app_id <> ALL ($6::uuid[]) AND s.id <> ALL ($7::uuid[])),
        ({_HELD_BY_OTHERS})) - clock_timestamp())::float8
    """,  # noqa: S608
)
"""The same without the apps and scripts given: those at their caps."""

LOWEST = Prepared(
    "picloud_lowest",
    """
    SELECT coalesce((SELECT due FROM outbox WHERE epoch IS NULL AND due >= $1::timestamptz
                     ORDER BY due LIMIT 1), now())::text,
           coalesce((SELECT due FROM outbox WHERE epoch IS NOT NULL AND due >= $2::timestamptz ORDER BY due LIMIT 1),
                    now() + make_interval(secs => $3::float8))::text
    """,
)
"""The marks, from older ones. Where nothing is held: in so many seconds no lease from now on ends."""

# Nobody can say when a lost attempt started; what is known is when it was missed.
RECORD_LOST = """
    INSERT INTO executions (id, app_id, delivery_id, event_id, trigger_id, script_id, script, version, kind, attempt,
                            max_attempts, manual, status, started_at, wall_ms, cpu_ms, memory_peak_bytes, limits, logs,
                            error, trace_id)
    SELECT r.id, o.app_id, o.id, o.event_id, o.trigger_id, o.script_id, s.name, NULL, o.source_kind, o.attempt - 1,
           o.max_attempts, o.manual, 'lost', now(), 0, 0, 0, '{}', '[]', %s, coalesce(r.trace_id, o.event_id)
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS r(id, delivery_id, trace_id)
    JOIN outbox AS o ON o.id = r.delivery_id JOIN scripts AS s ON s.id = o.script_id
"""
