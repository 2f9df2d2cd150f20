"""Day partitions of history, by range of a UUIDv7: an id's first 48 bits are its time.

Each table has a default partition, so that a row is never refused for want of a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from picloud.domain.ids import lower_bound

PARTITIONED: Mapping[str, str] = {
    "events": "id",
    "executions": "id",
    "inbound_dedupe_keys": "delivery_id",
    "email_attachments": "id",
}
"""The tables, and the column that tells the day."""
DAYS_AHEAD = 7
_LOCK_KEY = 0x70696461

# A day that was detached and not dropped yet is found as well, by its name.
_DAYS = text(r"""
    SELECT relname, relispartition, pg_total_relation_size(oid) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
      AND relname ~ ('^' || :name || '_[0-9]{8}$') ORDER BY relname
""")


@dataclass(frozen=True, slots=True)
class Day:
    """One day's part of a table. `attached`: it is still a part of it."""

    table: str
    date: datetime
    attached: bool
    size_bytes: int

    @property
    def name(self) -> str:
        return f"{self.table}_{self.date:%Y%m%d}"

    @property
    def next_date(self) -> datetime:
        return self.date + timedelta(days=1)


def today(connection: Connection) -> datetime:
    """Its first moment, in UTC, by the database's clock."""
    now: datetime = connection.execute(text("SELECT now()")).scalar_one()
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def days_of(connection: Connection, table: str) -> Sequence[Day]:
    """The days that `table` has or had, oldest first."""
    return [
        Day(table, datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC), attached, size_bytes)
        for name, attached, size_bytes in connection.execute(_DAYS, {"name": table})
    ]


def ensure_partitions(connection: Connection) -> None:
    """Create the partitions of today and the days ahead that are missing and have no row in the default yet.

    One process at a time: those that start together would make the same.
    """
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
    first = today(connection)
    for table, column in PARTITIONED.items():
        for day in (first + timedelta(days=n) for n in range(DAYS_AHEAD + 1)):
            _ensure(connection, table, column, day)


def _ensure(connection: Connection, table: str, column: str, day: datetime) -> None:
    name, low, high = f"{table}_{day:%Y%m%d}", lower_bound(day), lower_bound(day + timedelta(days=1))
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar_one():
        return
    # Names and bounds are made here, and DDL takes no parameters.
    taken = f"SELECT 1 FROM {table}_default WHERE {column} >= '{low}' AND {column} < '{high}' LIMIT 1"  # noqa: S608
    if not connection.execute(text(taken)).first():
        connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{low}') TO ('{high}')"))
