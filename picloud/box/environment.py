"""/etc/picloud/picloud.env: the instance's settings, read by the units and by every command."""

import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from picloud.box.files import ensure_content
from picloud.box.step import BoxError, Done

ETC = Path("/etc/picloud")
FILE = ETC / "picloud.env"
MASTER_KEY = ETC / "master.key"
MODE = 0o640
"""Root's, and for the service to read: a database URL may hold a password."""
HEAD = "# Settings of this PiCloud: NAME=value, a line each. All of them: docs/reference/settings.md\n"


def read(path: Path = FILE) -> dict[str, str]:
    """The settings of the file, as systemd reads it; empty where it can't be read. Raises BoxError where it is no text."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    found = {}
    for number, line in enumerate(lines, start=1):
        try:
            name, equals, value = line.decode().partition("=")
        except UnicodeDecodeError:
            raise BoxError(f"Line {number} of {path} is no text in UTF-8. Mend or remove it.") from None
        if equals and not name.lstrip().startswith(("#", ";")):
            found[name.strip()] = _unquoted(value.strip())
    return found


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


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]
    return value[1:-1] if quoted else value


def _without(content: str, names: Iterable[str]) -> str:
    taken = tuple(f"{name}=" for name in names)
    return "".join(line for line in content.splitlines(keepends=True) if not line.startswith(taken))


def new_password() -> str:
    return secrets.token_urlsafe(24)
