"""History is dropped by the day: by age, and the oldest days first when all together take too much room."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

from sqlalchemy import Connection

from picloud.models.partitions import PARTITIONED, Day, days_of, today
from picloud.services.audit import forget_audit
from picloud.services.retention.days import drop_day
from picloud.settings import Settings

DEDUPE_KEEP_DAYS = 7
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIZED = ("events", "executions", "email_attachments")
"""The tables that count for `history_max_bytes`. How long dedupe keys are kept is promised."""


def oldest_days(first: datetime, settings: Settings) -> Mapping[str, datetime]:
    """The oldest day that each table keeps, on the day that begins at `first`. Ids know no day before 1970."""
    keep_days = {
        "events": settings.events_keep_days,
        "executions": settings.executions_keep_days,
        "email_attachments": settings.events_keep_days,
        "inbound_dedupe_keys": DEDUPE_KEEP_DAYS,
    }
    most = (first - EPOCH).days
    return {table: first - timedelta(days=min(days, most)) for table, days in keep_days.items()}


def drop_days(connection: Connection, settings: Settings) -> None:
    """Drop the days that are over, then the oldest while there is too much; never today's. Raises SQLAlchemy's errors."""
    with connection.begin():
        first = today(connection)
        days = list(chain.from_iterable(days_of(connection, table) for table in PARTITIONED))
    oldest = oldest_days(first, settings)
    kept = [day for day in days if not (_is_over(day, oldest) and drop_day(connection, day))]
    _make_room(connection, [day for day in kept if day.table in SIZED], first, settings.history_max_bytes)
    with connection.begin():
        forget_audit(connection, first - timedelta(days=min(settings.audit_keep_days, (first - EPOCH).days)))


def _is_over(day: Day, oldest: Mapping[str, datetime]) -> bool:
    return not day.attached or day.date < oldest[day.table]


def _make_room(connection: Connection, days: Sequence[Day], first: datetime, most_bytes: int) -> None:
    size_bytes = sum(day.size_bytes for day in days)
    for day in sorted(days, key=lambda day: day.date):
        if size_bytes <= most_bytes or day.date >= first:
            return
        if drop_day(connection, day):
            size_bytes -= day.size_bytes
