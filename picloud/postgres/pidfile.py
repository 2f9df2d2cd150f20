"""postmaster.pid: who serves a PGDATA right now. Only PostgreSQL writes and removes it."""

import itertools
from dataclasses import dataclass
from pathlib import Path

_STATUS_LINE = 7  # PostgreSQL's src/include/utils/pidfile.h, counted from 0


@dataclass(frozen=True, slots=True)
class PidFile:
    """The server's process id and whether it accepts connections."""

    pid: int
    ready: bool


def read(pgdata: Path) -> PidFile | None:
    """What postmaster.pid says, or None when there is none (or it is just being written)."""
    try:
        lines = (pgdata / "postmaster.pid").read_text("ascii", "replace").splitlines()
        pid = abs(int(lines[0]))
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return PidFile(pid, len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready")


def serves(pid: int, pgdata_spellings: set[str]) -> bool:
    """Whether process `pid` is alive and a server with `-D` one of the spellings (a pid alone may be reused)."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")
    except OSError:
        return False
    named = {after for option, after in itertools.pairwise(arguments) if option == "-D"}
    return bool(named & pgdata_spellings)
