"""/etc/picloud/picloud.env: the instance's settings, read by the units and by every command."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from picloud.box.files import ensure_content
from picloud.box.step import Done

ETC = Path("/etc/picloud")
FILE = ETC / "picloud.env"
MASTER_KEY = ETC / "master.key"
HEAD = "# Settings of this PiCloud: NAME=value, a line each. All of them: docs/reference/settings.md\n"


def read(path: Path = FILE) -> dict[str, str]:
    """The settings of the file; empty where it can't be read."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def ensure(wanted: Mapping[str, str], gid: int) -> Done:
    """Settings that are there stay as they are; what is wanted and missing is added at the end."""
    missing = {name: value for name, value in wanted.items() if name not in read()}
    before = FILE.read_text() if FILE.exists() else HEAD
    content = before + "".join(f"{name}={value}\n" for name, value in missing.items())
    changed = ensure_content(FILE, content, 0o640)
    os.chown(FILE, 0, gid)
    return Done(changed, f"{FILE}: {', '.join(sorted(missing)) or 'nothing to add'}")


def new_password() -> str:
    return secrets.token_urlsafe(24)
