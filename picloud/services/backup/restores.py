"""Bringing a backup back: into a new database beside the old one, which takes its place when all is there."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, text

from picloud.models.revisions import current_revision, knows_revision
from picloud.postgres.client import ClientPrograms, client_bindir
from picloud.services.backup.backups import count_rows, server_major
from picloud.services.backup.file import BackupError, Manifest, extract_dump, read_manifest

MAINTENANCE_DATABASE = "postgres"
STOP = "systemctl stop 'picloud*.socket' 'picloud*.service'"
"""The sockets too: a request would start it again."""


@dataclass(frozen=True, slots=True)
class RestoreService:
    """Works on the server of `url`, whose database is the one to be replaced. `bindir` holds PostgreSQL's programs."""

    url: URL
    bindir: Path

    def verify(self, file: Path) -> Manifest:
        """Restore into a throw-away database and compare. Raises BackupError, PostgresError, SQLAlchemyError."""
        manifest = checked_manifest(file)
        with self._maintenance() as connection, self._filled(connection, file, manifest):
            return manifest

    def restore(self, file: Path, *, replace: bool) -> Manifest:
        """Put the backup in the database's place. One with content is kept beside it, and needs `replace`.

        Raises BackupError before anything is changed; PostgresError, SQLAlchemyError.
        """
        manifest = checked_manifest(file)
        with self._maintenance() as connection:
            self._refuse_if_used(connection, replace)
            with self._filled(connection, file, manifest) as filled:
                self._swap(connection, filled)
        return manifest

    @contextmanager
    def _filled(self, connection: Connection, file: Path, manifest: Manifest) -> Iterator[str]:
        """A new database with the backup's content, compared; dropped at the end, if it still has its name."""
        name = f"{self.url.database}_restore_{secrets.token_hex(4)}"
        connection.exec_driver_sql(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        try:
            bindir = client_bindir(self.bindir, server_major(connection))
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".restore-") as folder:
                dump = Path(folder) / "dump"
                extract_dump(file, manifest, dump)
                ClientPrograms(bindir, self.url.set(database=name)).restore(dump)
            self._compare(name, manifest)
            yield name
        finally:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}"')

    def _compare(self, name: str, manifest: Manifest) -> None:
        with _engine(self.url.set(database=name)).connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            found = count_rows(connection)
        wrong = [
            f"{table}: {found.get(table)} instead of {rows}"
            for table, rows in manifest.tables.items()
            if found.get(table) != rows
        ]
        if wrong:
            raise BackupError(
                f"What was restored differs from the backup's own count ({'; '.join(wrong)}). Nothing was changed."
            )

    def _refuse_if_used(self, connection: Connection, replace: bool) -> None:
        others = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name")
        if connection.execute(others, {"name": self.url.database}).scalar_one():
            raise BackupError(f"The database {self.url.database} is in use. Stop PiCloud first: {STOP}")
        if self._is_there(connection) and self._has_content() and not replace:
            raise BackupError(
                f"The database {self.url.database} has content. With --replace the backup takes its place; "
                "the old one is kept beside it."
            )

    def _is_there(self, connection: Connection) -> bool:
        query = text("SELECT 1 FROM pg_database WHERE datname = :name")
        return connection.execute(query, {"name": self.url.database}).scalar_one_or_none() is not None

    def _has_content(self) -> bool:
        with _engine(self.url).connect() as connection:
            return bool(current_revision(connection))

    def _swap(self, connection: Connection, filled: str) -> None:
        """Both names change in one transaction: at every moment there is a database of this name, or never was."""
        name, was_there = self.url.database, self._is_there(connection)
        empty = was_there and not self._has_content()
        before = connection.exec_driver_sql(
            f"SELECT '{name}_before_' || to_char(now(), 'YYYYMMDDHH24MISS')"
        ).scalar_one()
        with _engine(self.url.set(database=MAINTENANCE_DATABASE)).begin() as together:
            if was_there:
                together.exec_driver_sql(f'ALTER DATABASE "{name}" RENAME TO "{before}"')
            together.exec_driver_sql(f'ALTER DATABASE "{filled}" RENAME TO "{name}"')
        if empty:
            connection.exec_driver_sql(f'DROP DATABASE "{before}"')

    @contextmanager
    def _maintenance(self) -> Iterator[Connection]:
        with _engine(self.url.set(database=MAINTENANCE_DATABASE)).connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")


def checked_manifest(file: Path) -> Manifest:
    """The manifest of a backup that this code can bring back. Raises BackupError."""
    manifest = read_manifest(file)
    if not knows_revision(manifest.revision):
        raise BackupError(
            f"{file} was made by PiCloud {manifest.picloud} with the schema {manifest.revision}, which this PiCloud "
            "doesn't know. Install that version, or a newer one."
        )
    return manifest


def _engine(url: URL) -> Engine:
    return create_engine(url, poolclass=NullPool, hide_parameters=True)
