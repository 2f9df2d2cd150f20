"""Day partitions of `events` and `executions`, by range of the UUIDv7 id.

Each table has a default partition, so that a row is never refused for want of a day.
"""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from picloud.domain.ids import lower_bound

PARTITIONED = ("events", "executions")
DAYS_AHEAD = 7
PARTITION_NAME = re.compile(rf"^({'|'.join(PARTITIONED)})_(default|\d{{8}})$")


def ensure_partitions(connection: Connection) -> None:
    """Create the partitions of today and the days ahead that are missing and have no row in the default yet."""
    now: datetime = connection.execute(text("SELECT now()")).scalar_one()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for table in PARTITIONED:
        for day in (today + timedelta(days=n) for n in range(DAYS_AHEAD + 1)):
            _ensure(connection, table, day)


def _ensure(connection: Connection, table: str, day: datetime) -> None:
    name, low, high = f"{table}_{day:%Y%m%d}", lower_bound(day), lower_bound(day + timedelta(days=1))
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar_one():
        return
    # Names and bounds are made here, and DDL takes no parameters.
    taken = f"SELECT 1 FROM {table}_default WHERE id >= '{low}' AND id < '{high}' LIMIT 1"  # noqa: S608
    if not connection.execute(text(taken)).first():
        connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{low}') TO ('{high}')"))
