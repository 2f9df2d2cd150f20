"""The database inside the server."""

from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection

from picloud.postgres.errors import PostgresError
from picloud.postgres.layout import Layout

USER = "picloud"
NAME = "picloud"
_CONNECT_TIMEOUT_S = 10


def ensure(layout: Layout, password: str, *, statement_stats: bool) -> None:
    """Creates the database when it isn't there. Raises PostgresError."""
    try:
        with (
            closing(_connect(layout.socket_dir, password, "postgres")) as maintenance,
            maintenance.cursor() as cursor,
        ):
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {NAME}")
        if statement_stats:
            with closing(_connect(layout.socket_dir, password, NAME)) as own, own.cursor() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    except psycopg2.Error as error:
        raise PostgresError(
            f"The database of {layout.data_dir} runs, but can't be used: {str(error).strip()}. Its password is in "
            f"{layout.password_file}; if that file was changed, restore it from your backup."
        ) from error


def _connect(socket_dir: Path, password: str, name: str) -> connection:
    opened = psycopg2.connect(
        host=str(socket_dir), user=USER, password=password, dbname=name, connect_timeout=_CONNECT_TIMEOUT_S
    )
    opened.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    return opened
