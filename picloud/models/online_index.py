"""Indexes on tables that hold history: writers don't wait while they are built.

`op.create_index` makes every writer wait for its end. PostgreSQL builds none CONCURRENTLY on a partitioned table as a whole,
but on each partition; the table's own index comes into force when it has them all (PostgreSQL's documentation of
CREATE INDEX, and of table partitioning, 5.12.2.2).

What is done commits at once. So a migration that calls this does nothing else; broken off, it goes on where it was.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from psycopg2.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

BRIEFLY = "100ms"
TRIES = 20
PAUSE_S = 0.25

_MISSING = text("""
    SELECT part.relname FROM pg_inherits AS tree JOIN pg_class AS part ON part.oid = tree.inhrelid
    WHERE tree.inhparent = to_regclass(:table) AND NOT EXISTS (
        SELECT FROM pg_inherits AS attached JOIN pg_index AS i ON i.indexrelid = attached.inhrelid
        WHERE attached.inhparent = to_regclass(:name) AND i.indrelid = part.oid)
    ORDER BY part.relname
""")
_IS_VALID = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def create_index(table: str, columns: str, *, where: str) -> None:
    """The index `ix_TABLE_COLUMNS` of a partitioned table. `columns`: separated by commas. `where`: SQL."""
    name = index_name(table, columns)
    definition = f"({columns}) WHERE {where}"
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        _briefly(connection, f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {definition}")
        for part in connection.execute(_MISSING, {"table": table, "name": name}).scalars().all():
            of_part = index_name(part, columns)
            _build(connection, of_part, f"{part} {definition}")
            _briefly(connection, f"ALTER INDEX {name} ATTACH PARTITION {of_part}")


def index_name(table: str, columns: str) -> str:
    return "_".join(["ix", table, *(column.strip() for column in columns.split(","))])


def _build(connection: Connection, name: str, what: str) -> None:
    """It waits for transactions that are older, and nobody waits for it: so there is no hurry."""
    valid = connection.execute(_IS_VALID, {"name": name}).scalar()
    with _lock_timeout(connection, "0"):
        if valid is False:
            connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
        if not valid:
            connection.execute(text(f"CREATE INDEX CONCURRENTLY {name} ON {what}"))


def _briefly(connection: Connection, statement: str) -> None:
    """Its lock keeps writers waiting, so it is taken in a moment in which there is none."""
    with _lock_timeout(connection, BRIEFLY):
        for left in reversed(range(TRIES)):
            try:
                connection.execute(text(statement))
                return
            except OperationalError as error:
                if not left or not isinstance(error.orig, LockNotAvailable):
                    raise
                time.sleep(PAUSE_S)


@contextmanager
def _lock_timeout(connection: Connection, timeout: str) -> Iterator[None]:
    before = connection.execute(text("SHOW lock_timeout")).scalar_one()
    connection.execute(text(f"SET lock_timeout = '{timeout}'"))
    yield
    connection.execute(text(f"SET lock_timeout = '{before}'"))
