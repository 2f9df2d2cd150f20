"""/etc/picloud/picloud.env: the instance's settings, read by the units and by every command."""

import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from picloud.box.files import ensure_content
from picloud.box.step import Done

ETC = Path("/etc/picloud")
FILE = ETC / "picloud.env"
MASTER_KEY = ETC / "master.key"
MODE = 0o640
"""Root's, and for the service to read: a database URL may hold a password."""
HEAD = "# Settings of this PiCloud: NAME=value, a line each. All of them: docs/reference/settings.md\n"


def read(path: Path = FILE) -> dict[str, str]:
    """The settings of the file; empty where it can't be read."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def ensure(kept: Mapping[str, str], chosen: Mapping[str, str], gid: int) -> Done:
    """`kept`: added where they are missing, else as they are. `chosen`: as given now."""
    found = read()
    wanted = {name: value for name, value in kept.items() if name not in found}
    wanted |= {name: value for name, value in chosen.items() if found.get(name) != value}
    before = FILE.read_text() if FILE.exists() else HEAD
    content = _without(before, wanted) + "".join(f"{name}={value}\n" for name, value in wanted.items())
    changed = ensure_content(FILE, content, MODE)
    status = FILE.stat()
    if (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) != (0, gid, MODE):
        os.chown(FILE, 0, gid)
        FILE.chmod(MODE)
        changed = True
    return Done(changed, f"{FILE}: {', '.join(sorted(wanted)) or 'nothing to add'}")


def _without(content: str, names: Iterable[str]) -> str:
    taken = tuple(f"{name}=" for name in names)
    return "".join(line for line in content.splitlines(keepends=True) if not line.startswith(taken))


def new_password() -> str:
    return secrets.token_urlsafe(24)
