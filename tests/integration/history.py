"""Days that are long gone: ids of their time, partitions, and rows in them."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from picloud.domain.ids import lower_bound, uuid7
from picloud.models.partitions import PARTITIONED, _ensure
from tests.integration.conftest import World


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def old_id(days: float) -> UUID:
    """A UUIDv7 that was made so many days ago."""
    low = lower_bound(days_ago(days)).int
    return UUID(int=low | 7 << 76 | 2 << 62 | int.from_bytes(os.urandom(7), "big"))


def make_day(world: World, days: float) -> str:
    """The day's partitions of all tables. Its date, as their names have it."""
    day = days_ago(days).replace(hour=0, minute=0, second=0, microsecond=0)
    with world.engine.begin() as connection:
        for table, column in PARTITIONED.items():
            _ensure(connection, table, column, day)
    return f"{day:%Y%m%d}"


def add_event(world: World, event_id: UUID, payload: str = "{}") -> None:
    world.change(
        "INSERT INTO events (id, app_id, kind, occurred_at, payload, trace_id)"
        " VALUES (:id, :app_id, 'manual', now(), CAST(:payload AS json), :id)",
        id=event_id,
        app_id=world.app_id,
        payload=payload,
    )


def add_execution(world: World, execution_id: UUID, delivery_id: UUID | None = None, **columns: Any) -> None:
    values = {
        "id": execution_id,
        "app_id": world.app_id,
        "delivery_id": delivery_id,
        "event_id": uuid7(),
        "script_id": uuid7(),
        "script": "main",
        "version": 1,
        "kind": "manual",
        "attempt": 1,
        "max_attempts": 3,
        "status": "error",
        "started_at": datetime.now(UTC),
        "wall_ms": 1,
        "cpu_ms": 1,
        "memory_peak_bytes": 1,
        "limits": "{}",
        "result": '"r"',
        "logs": '["l"]',
        "error": '{"type": "ValueError", "message": "no", "traceback": "line 1"}',
        "trace_id": uuid7(),
    } | columns
    names = ", ".join(values)
    world.change(f"INSERT INTO executions ({names}) VALUES ({', '.join(':' + name for name in values)})", **values)


def tables(world: World, like: str) -> set[str]:
    found = world.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE :like", like=like)
    return {row.relname for row in found}


def drop_old_tables(world: World) -> None:
    """What tests have left of days gone by."""
    now = f"{days_ago(0):%Y%m%d}"
    with world.engine.begin() as connection:
        for table in PARTITIONED:
            for name in tables(world, f"{table}_2%"):
                if name[-8:] < now:
                    connection.execute(text(f"DROP TABLE {name}"))
