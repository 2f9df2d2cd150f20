"""Backups of the whole database, made while it serves."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from picloud import __version__
from picloud.models.revisions import current_revision
from picloud.postgres.client import ClientPrograms, client_bindir
from picloud.services.backup.file import FORMAT, BackupError, Manifest, sha256, write

SUFFIX = ".picloud-backup"

# The snapshot lives as long as this transaction, however long pg_dump takes.
_UNLIMITED = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
_TABLES = text("""
    SELECT format('%I', relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname
""")


def count_rows(connection: Connection) -> dict[str, int]:
    """Rows of each table, in the transaction's snapshot."""
    names = connection.execute(_TABLES).scalars().all()
    return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}  # noqa: S608


def server_major(connection: Connection) -> int:
    return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000


@dataclass(frozen=True, slots=True)
class BackupService:
    """Works on the database of `engine`; `bindir` holds PostgreSQL's programs."""

    engine: Engine
    bindir: Path

    def make(self, target: Path) -> Manifest:
        """Write a backup to the file `target`, which must not be there yet. Raises BackupError, PostgresError."""
        if target.exists():
            raise BackupError(f"{target} is there already. Choose another name.")
        with self.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            connection.exec_driver_sql(_UNLIMITED)
            facts = _facts(connection)
            snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
                dump = Path(folder) / "dump"
                programs = ClientPrograms(client_bindir(self.bindir, facts["server_major"]), self.engine.url)
                programs.dump(dump, snapshot)
                manifest = Manifest(**facts, dump_sha256=sha256(dump), dump_bytes=dump.stat().st_size)
                write(target, manifest, dump)
        return manifest

    def file_name(self) -> str:
        """After the database's clock, so that names sort by age."""
        stamp = text("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"')")
        with self.engine.connect() as connection:
            return f"{connection.execute(stamp).scalar_one()}{SUFFIX}"


def prune(folder: Path, keep: int) -> Sequence[Path]:
    """Remove all but the newest `keep` backups of the folder. Those that went."""
    gone = sorted(folder.glob(f"*{SUFFIX}"), reverse=True)[keep:]
    for path in gone:
        path.unlink()
    return gone


def _facts(connection: Connection) -> dict[str, Any]:
    created_at: datetime = connection.execute(text("SELECT now()")).scalar_one()
    keys = connection.execute(text("SELECT encode(key_id, 'hex') FROM master_keys ORDER BY 1")).scalars().all()
    return {
        "format": FORMAT,
        "picloud": __version__,
        "created_at": created_at,
        "revision": current_revision(connection),
        "server_major": server_major(connection),
        "key_ids": list(keys),
        "tables": count_rows(connection),
    }
