"""An index on history is built while it is written, and its building may break off."""

import ast
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from psycopg2.errors import QueryCanceled
from sqlalchemy import Connection, Engine, NullPool, TextClause, create_engine, text
from sqlalchemy.exc import OperationalError

from picloud.domain.ids import uuid7
from picloud.models.partitions import PARTITIONED, ensure_partitions, today
from picloud.models.revisions import current_revision
from picloud.models.schema import alembic_config
from tests.functional.client import eventually

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"
INDEX = "ix_executions_trigger_id_id"
BEFORE, AFTER = "0022", "0023"
WRITE = """
    INSERT INTO {table} (id, app_id, event_id, script_id, script, version, kind, attempt, max_attempts, status, started_at,
                            wall_ms, cpu_ms, memory_peak_bytes, limits, logs, trigger_id, trace_id, manual)
    VALUES (:id, :id, :id, :id, 'it', 1, 'http', 1, 1, 'ok', now(), 1, 1, 1, '{{}}', '[]', :id, :id, false)
"""
BUILDS = text(
    "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
)
CANCEL = text(BUILDS.text.replace("pid", "pg_cancel_backend(pid)", 1))
INVALID = text("""
    SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE NOT indisvalid AND relname LIKE 'ix_executions%_trigger_id_id'
""")
PARTS = text("SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass(:name)")
LATER = """
    CREATE TABLE executions_20990101 PARTITION OF executions
    FOR VALUES FROM ('03b3ad4c-0000-7000-8000-000000000000') TO ('03b3ad4c-0001-7000-8000-000000000000')
"""


@pytest.fixture
def history(empty_database: Engine) -> Engine:
    """At the revision before."""
    engine = create_engine(empty_database.url, poolclass=NullPool)
    go_to(engine, BEFORE)
    with engine.begin() as connection:
        ensure_partitions(connection)
        write(connection)
    return engine


def go_to(engine: Engine, revision: str) -> None:
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def write(connection: Connection, table: str = "executions") -> None:
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text(WRITE.format(table=table)), {"id": uuid7()})


def todays(connection: Connection) -> str:
    return f"executions_{today(connection):%Y%m%d}"


def test_writers_go_on_while_it_is_built(history: Engine) -> None:
    with history.connect() as connection:
        write(connection, todays(connection))  # building waits for the end of this
        building = threading.Thread(target=go_to, args=(history, AFTER))
        building.start()
        eventually(lambda: rows(history, BUILDS))
        with history.begin() as other:
            write(other)
        assert building.is_alive()
        connection.commit()
    building.join()
    assert_built(history)


def test_broken_off_it_goes_on_where_it_was(history: Engine) -> None:
    errors: list[BaseException] = []

    def build() -> None:
        try:
            go_to(history, AFTER)
        except OperationalError as error:
            errors.append(error.orig)

    with history.connect() as connection:
        write(connection, todays(connection))
        building = threading.Thread(target=build)
        building.start()
        eventually(lambda: rows(history, BUILDS))
        rows(history, CANCEL)
        building.join()
    assert [type(error) for error in errors] == [QueryCanceled]
    assert rows(history, INVALID)[0][0] > 0
    with history.connect() as connection:
        assert current_revision(connection) == BEFORE
        connection.execute(text(LATER))
        connection.commit()
    go_to(history, AFTER)
    assert_built(history)


def test_a_migration_that_makes_writers_of_history_wait_is_found() -> None:
    """Those that came before the first release had none to wait for."""
    wrong = [path.name for path in sorted(VERSIONS.glob("*.py")) if set(indexed(path)) - set(made(path))]
    assert wrong == []


def assert_built(engine: Engine) -> None:
    """On all days."""
    with engine.connect() as connection:
        assert current_revision(connection) == AFTER
        assert connection.execute(INVALID).scalar_one() == 0
        days, attached = (connection.execute(PARTS, {"name": name}).scalar_one() for name in ("executions", INDEX))
    assert days == attached > 3


def rows(engine: Engine, query: TextClause) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(query))


def calls(path: Path, name: str) -> Iterator[list[str]]:
    """The constants that are given to `op.NAME`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"op.{name}":
            yield [item.value for item in node.args if isinstance(item, ast.Constant)]


def indexed(path: Path) -> Iterator[str]:
    yield from (table for given in calls(path, "create_index") for table in given if table in PARTITIONED)


def made(path: Path) -> Iterator[str]:
    yield from (given[0] for given in calls(path, "create_table") if given)
