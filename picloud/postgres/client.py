"""pg_dump and pg_restore against a database, whoever runs its server."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from picloud.postgres.binaries import SYSTEM_ROOT
from picloud.postgres.errors import PostgresError

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
_OUTPUT_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class ClientPrograms:
    """Programs of `bindir`, for the database at `url`. The password goes by the environment: never by argv."""

    bindir: Path
    url: URL

    def dump(self, target: Path, snapshot: str) -> None:
        """Write what the exported `snapshot` sees to `target`, in pg_dump's custom format. Raises PostgresError."""
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--snapshot={snapshot}", f"--file={target}")

    def restore(self, source: Path) -> None:
        """Bring a dump into the empty database, all of it or nothing. Raises PostgresError."""
        options = ("--no-owner", "--no-acl", "--exit-on-error", "--single-transaction")
        self._run("pg_restore", *options, f"--dbname={self.url.database}", str(source))

    def _run(self, name: str, *arguments: str) -> None:
        program = self.bindir / name
        try:
            ended = subprocess.run(
                [program, *arguments],
                env=_ENVIRONMENT | _connection(self.url),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                check=False,
            )
        except OSError as error:
            raise PostgresError(f"{program} can't be run: {error.strerror}. Install PostgreSQL's client.") from error
        if ended.returncode:
            said = ended.stderr[-_OUTPUT_BYTES:].decode(errors="replace").strip()
            raise PostgresError(f"{name} ended with code {ended.returncode}: {said or 'no output'}")


def client_bindir(own: Path, server_major: int) -> Path:
    """The system's programs of the server's own major version, else `own`: pg_dump reads older servers, never newer ones."""
    system = SYSTEM_ROOT / str(server_major) / "bin"
    return system if os.access(system / "pg_dump", os.X_OK) else own


def _connection(url: URL) -> dict[str, str]:
    """The URL as libpq's environment variables."""
    given = {
        "PGHOST": url.query.get("host", url.host),
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": url.query.get("sslmode"),
        "PGSSLROOTCERT": url.query.get("sslrootcert"),
    }
    return {name: str(value) for name, value in given.items() if value}
