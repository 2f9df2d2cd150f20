"""A control group for each machine. systemd-nspawn makes `payload` in that of its caller: two would share it."""

import os
from contextlib import suppress
from pathlib import Path

_HIERARCHIES = {"": ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"), "name=systemd": ("/sys/fs/cgroup/systemd",)}
"""Where the unified one, and systemd's own beside older ones, may be mounted."""
_ENTER = 'for folder in $1; do echo $$ > "$folder/cgroup.procs"; done; shift; exec "$@"'


def enter(name: str, command: list[str]) -> list[str]:
    """`command`, in new groups of that name beneath our own; as it is where none can be made."""
    made = []
    for folder in _folders(name):
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
            made.append(str(folder))
    return ["sh", "-c", _ENTER, "sh", " ".join(made), *command] if made else command


def remove(name: str) -> None:
    """Those that have no processes any more."""
    for folder in _folders(name):
        for inner, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):
                Path(inner).rmdir()


def _folders(name: str) -> list[Path]:
    folders = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        roots = (Path(root) for root in _HIERARCHIES.get(controllers, ()))
        folders += [root / own.lstrip("/") / name for root in roots if (root / "cgroup.procs").exists()]
    return folders
