"""Statements of the replay service."""

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSON

from picloud.services.delivery.outbox_sql import DELIVERY_COLUMNS, delivery_columns_of

LOCK = text("SELECT state, version FROM dead_letters WHERE id = :id AND app_id = :app_id FOR UPDATE")

IS_BACK = text("SELECT true FROM outbox WHERE id = :id AND app_id = :app_id")

BACKLOG = text("SELECT count(*) FROM (SELECT 1 FROM outbox WHERE app_id = :app_id LIMIT :most) AS waiting")

WITHOUT_EVENT = text("""
    SELECT l.id, octet_length(l.event::text) AS size_bytes FROM dead_letters AS l
    WHERE l.id = ANY(:ids) AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.id = l.event_id)
""")

COPIES = text("SELECT id, event FROM dead_letters WHERE id = ANY(:ids)").columns(event=JSON)

RESTORE = text("""
    INSERT INTO events (id, app_id, kind, occurred_at, payload, trace_id, depth)
    SELECT id, :app_id, kind, occurred_at, payload, trace_id, depth FROM unnest(
        CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:moments AS timestamptz[]), CAST(:payloads AS json[]),
        CAST(:traces AS uuid[]), CAST(:depths AS int[])
    ) AS e(id, kind, occurred_at, payload, trace_id, depth) ON CONFLICT (id) DO NOTHING
""")

REVIVE = text(f"""
    WITH taken AS (DELETE FROM dead_letters WHERE id = :id RETURNING {DELIVERY_COLUMNS}, version, due)
    INSERT INTO outbox ({DELIVERY_COLUMNS}, manual, pinned_version, due)
    SELECT {delivery_columns_of("taken")}, false, version, coalesce(due, now()) FROM taken
""")  # noqa: S608
"""A cancelled delivery as it was, and due when it was."""

_RAISED = delivery_columns_of("taken").replace(
    "taken.max_attempts", "taken.attempt + taken.policy_attempts AS max_attempts"
)
BRING_BACK = text(f"""
    WITH taken AS (
        DELETE FROM dead_letters WHERE id = ANY(:ids) RETURNING {DELIVERY_COLUMNS}, version
    )
    INSERT INTO outbox ({DELIVERY_COLUMNS}, manual, pinned_version, due)
    SELECT {_RAISED}, true, CASE WHEN :original THEN version END,
           now() + make_interval(secs => (:before + row_number() OVER (ORDER BY id) - 1) * :pause_s)
    FROM taken RETURNING id
""")  # noqa: S608
"""`before`: how many went back already. `pause_s`: between one and the next."""
