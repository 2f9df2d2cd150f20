"""How a day of history goes. What is still needed outlives it, in the table's default partition.

Needed are the events of deliveries that have not ended, and the attempts of those and of dead letters: these without
what went in, came out and was logged. Attachments are kept with their whole day while a mail of it is needed.

Detaching locks the table, so it waits for a moment without transactions, for a tenth of a second at a time. The rest is
done to a table that nobody else sees. (DETACH CONCURRENTLY is refused for a table with a default partition.)
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from psycopg2.errors import LockNotAvailable
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import OperationalError

from picloud.domain.ids import lower_bound
from picloud.models import Execution
from picloud.models.partitions import Day

log = logging.getLogger(__name__)

MOVE_MAX, MOVE_MAX_BYTES = 200, 16 * 1024 * 1024
"""Events that may move while claims wait. A day of which deliveries need more is kept."""
TRIES = 20
PAUSE_S = 0.25
BATCH = 5_000

_BRIEFLY = text("SET LOCAL lock_timeout = '100ms'; SET LOCAL statement_timeout = '2s'")
_AT_LENGTH = text("SET LOCAL statement_timeout = '10min'")
# Mails name their attachments in JSON, so all of a day are kept. They are made just before their event: look a day on.
_MAILS = text("""
    SELECT EXISTS (SELECT 1 FROM outbox WHERE source_kind = 'email' AND event_id >= :low AND event_id < :next_high)
        OR EXISTS (SELECT 1 FROM dead_letters WHERE state = 'dead' AND source_kind = 'email'
                   AND event_id >= :low AND event_id < :next_high)
""")
_NEEDED = "SELECT event_id FROM outbox WHERE event_id >= :low AND event_id < :high"

_COLUMNS = [column.name for column in Execution.__table__.columns]
_LEFT_OUT = {"event": "NULL::json", "result": "NULL::json", "logs": "'[]'::json"}
_SLIM = ", ".join(f"{_LEFT_OUT.get(name, f'e.{name}')} AS {name}" for name in _COLUMNS)


def drop_day(connection: Connection, day: Day) -> bool:
    """Whether it is gone; if not, it stays whole. Raises OperationalError where no quiet moment was found."""
    if day.attached and not _detach(connection, day):
        return False
    if day.table == "executions":
        _keep_attempts(connection, day)
    _briefly(connection, lambda: connection.execute(text(f"DROP TABLE {day.name}")))
    log.info("history dropped", extra={"fields": {"table": day.name, "size_bytes": day.size_bytes}})
    return True


def _detach(connection: Connection, day: Day) -> bool:
    bounds = {"low": lower_bound(day.date), "high": lower_bound(day.next_date)}
    if _is_needed_whole(connection, day):
        log.warning("a day is kept: deliveries or dead letters need it", extra={"fields": {"table": day.name}})
        return False

    def detach() -> None:
        connection.execute(text(f"ALTER TABLE {day.table} DETACH PARTITION {day.name}"))
        if day.table == "events":
            connection.execute(_move_needed(day), bounds)

    _briefly(connection, detach)
    return True


def _is_needed_whole(connection: Connection, day: Day) -> bool:
    """Without a lock: deliveries of old events come from dead letters alone, and few of them in such a moment."""
    bounds = {"low": lower_bound(day.date), "high": lower_bound(day.next_date), "most": MOVE_MAX + 1}
    with connection.begin():
        if day.table == "events":
            rows, size_bytes = connection.execute(_sizes_needed(day), bounds).one()
            return bool(rows > MOVE_MAX or size_bytes > MOVE_MAX_BYTES)
        if day.table == "email_attachments":
            bounds = {"low": bounds["low"], "next_high": lower_bound(day.next_date + timedelta(days=1))}
            return bool(connection.execute(_MAILS, bounds).scalar_one())
    return False


def _sizes_needed(day: Day) -> TextClause:
    return text(f"""
        SELECT count(*), coalesce(sum(pg_column_size(payload)), 0) FROM {day.name}
        WHERE id IN ({_NEEDED} LIMIT :most)
    """)  # noqa: S608


def _move_needed(day: Day) -> TextClause:
    """With the lock that detaching took: nothing can come to need an event of the day any more."""
    return text(f"INSERT INTO events SELECT * FROM {day.name} WHERE id IN ({_NEEDED})")  # noqa: S608


def _keep_attempts(connection: Connection, day: Day) -> None:
    """In batches. Done again after a crash it does no harm."""
    after: UUID | None = lower_bound(day.date)
    keep = text(f"""
        WITH batch AS MATERIALIZED (
            SELECT {_SLIM} FROM {day.name} AS e
            WHERE e.id > :after AND e.delivery_id IN (
                SELECT id FROM outbox UNION ALL SELECT id FROM dead_letters WHERE state = 'dead')
            ORDER BY e.id LIMIT {BATCH}
        ), kept AS (
            INSERT INTO executions ({", ".join(_COLUMNS)}) SELECT * FROM batch ON CONFLICT DO NOTHING
        )
        SELECT id FROM batch ORDER BY id DESC LIMIT 1
    """)  # noqa: S608
    while after is not None:
        with connection.begin():
            connection.execute(_AT_LENGTH)
            after = connection.execute(keep, {"after": after}).scalar()


def _briefly(connection: Connection, action: Callable[[], object]) -> None:
    """Do it in a transaction that nobody waits for long, as soon as there is a quiet moment."""
    for left in reversed(range(TRIES)):
        try:
            with connection.begin():
                connection.execute(_BRIEFLY)
                action()
            return
        except OperationalError as error:
            if not left or not isinstance(error.orig, LockNotAvailable):
                raise
            time.sleep(PAUSE_S)
