"""Runs migrations on a connection that `picloud.models.schema` hands over.

A migration must not hurt a serving instance: it waits two seconds at most for a lock, runs ten minutes at most,
and only one process migrates at a time. For indexes on tables with history there is `picloud.models.online_index`.
"""

import time

from alembic import context
from sqlalchemy import Connection, text

from picloud.models import Base

ADVISORY_LOCK = 0x7069636D
LOCK_TIMEOUT = "2s"
STATEMENT_TIMEOUT = "10min"
PAUSE_S = 0.2


def run(connection: Connection) -> None:
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    _take_turn(connection)
    try:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
        connection.commit()


def _take_turn(connection: Connection) -> None:
    """Asks again and again: a statement that waits has a snapshot, and CREATE INDEX CONCURRENTLY waits for the end of that."""
    while not connection.execute(text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})")).scalar_one():
        connection.rollback()
        time.sleep(PAUSE_S)


run(context.config.attributes["connection"])
