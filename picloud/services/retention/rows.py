"""Rows that go one by one, in short transactions: what no day holds, or what ends at a time of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from picloud.domain.ids import lower_bound
from picloud.models.partitions import PARTITIONED, today
from picloud.services.replays.lock import TRY_CLEARING
from picloud.services.retention.retention import oldest_days
from picloud.settings import Settings

BATCH = 1_000
_SHORT_LOCKS = text("SET LOCAL lock_timeout = '1s'")

_NOBODY_NEEDS: Mapping[str, str] = {
    "events": "NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.event_id = e.id)",
    "executions": """
        NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.id = e.delivery_id)
        AND NOT EXISTS (SELECT 1 FROM dead_letters AS l WHERE l.id = e.delivery_id AND l.state = 'dead')""",
    "inbound_dedupe_keys": "true",
    "email_attachments": """
        NOT EXISTS (SELECT 1 FROM outbox WHERE source_kind = 'email' AND event_id < :before)
        AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE state = 'dead' AND source_kind = 'email'
                        AND event_id < :before)""",
}
_FORGET_CLOSED = text(f"""
    DELETE FROM dead_letters WHERE id IN (
        SELECT id FROM dead_letters WHERE closed_at < now() - make_interval(days => :days)
        ORDER BY closed_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED)
""")  # noqa: S608
# What only heard of a trigger that goes for good goes with it.
_FORGET_TRIGGERS = text(f"""
    WITH gone AS (
        SELECT id FROM triggers WHERE deleted_at < now() - make_interval(days => :days) LIMIT {BATCH} FOR UPDATE SKIP LOCKED)
    DELETE FROM triggers WHERE id IN (SELECT id FROM gone) OR id IN (
        SELECT trigger_id FROM dead_letter_trigger_details WHERE source_trigger_id IN (SELECT id FROM gone))
""")  # noqa: S608
# Who holds an entry is about to change it.
_FORGET_EXPIRED = text(f"""
    WITH expired AS (
        SELECT app_id, collection, key FROM kv_entries WHERE expires_at <= now()
        ORDER BY expires_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM kv_entries AS e USING expired AS x
        WHERE e.app_id = x.app_id AND e.collection = x.collection AND e.key = x.key
        RETURNING e.app_id, e.size_bytes
    ), sums AS (SELECT app_id, count(*) AS entries, sum(size_bytes) AS size_bytes FROM gone GROUP BY app_id),
    booked AS (
        UPDATE kv_usage AS u SET entries = u.entries - s.entries, size_bytes = u.size_bytes - s.size_bytes
        FROM sums AS s WHERE u.app_id = s.app_id
    )
    SELECT count(*) FROM gone
""")  # noqa: S608


def clear_defaults(connection: Connection, settings: Settings) -> None:
    """Remove from the default partitions what is too old and needed by nobody. Raises SQLAlchemy's errors."""
    with _short(connection):
        oldest = oldest_days(today(connection), settings)
    for table, column in PARTITIONED.items():
        _clear_default(connection, _clear(table, column), lower_bound(oldest[table]))


def forget_closed(connection: Connection, settings: Settings) -> None:
    """Remove the dead letters that were cancelled or discarded long ago. Raises SQLAlchemy's errors."""
    removed = BATCH
    while removed == BATCH:
        with _short(connection):
            removed = connection.execute(_FORGET_CLOSED, {"days": settings.closed_keep_days}).rowcount


def forget_triggers(connection: Connection, settings: Settings) -> None:
    """Remove the triggers that were deleted long ago. Raises SQLAlchemy's errors."""
    with _short(connection):
        connection.execute(_FORGET_TRIGGERS, {"days": settings.closed_keep_days})


def forget_expired(connection: Connection, settings: Settings) -> None:
    """Remove the store's expired entries, and book it: until then they count. Raises SQLAlchemy's errors."""
    removed = BATCH
    while removed == BATCH:
        with _short(connection):
            removed = connection.execute(_FORGET_EXPIRED).scalar_one()


def _clear(table: str, column: str) -> TextClause:
    return text(f"""
        WITH seen AS (
            SELECT {column} AS id FROM {table}_default WHERE {column} > :after AND {column} < :before
            ORDER BY {column} LIMIT {BATCH}
        ), gone AS (
            DELETE FROM {table}_default AS e USING seen WHERE e.{column} = seen.id AND {_NOBODY_NEEDS[table]}
        )
        SELECT id FROM seen ORDER BY id DESC LIMIT 1
    """)  # noqa: S608


def _clear_default(connection: Connection, clear: TextClause, before: UUID) -> None:
    after: UUID | None = UUID(int=0)
    while after is not None:
        with _short(connection):
            if not connection.execute(TRY_CLEARING).scalar_one():
                return  # a replay may be about to need what looks unneeded
            after = connection.execute(clear, {"after": after, "before": before}).scalar()


@contextmanager
def _short(connection: Connection) -> Iterator[None]:
    """A transaction that gives up where somebody is in its way for long."""
    with connection.begin():
        connection.execute(_SHORT_LOCKS)
        yield
