"""The system user that PiCloud runs as, and what belongs to it."""

import os
import pwd
import stat
from pathlib import Path

from picloud.box.programs import run
from picloud.box.step import BoxError, Done

USER = "picloud"
HOME = Path("/var/lib/picloud")


def ensure_user() -> Done:
    """A system user without a shell and a password."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        run("useradd", "--system", "--user-group", "--home-dir", str(HOME), "--shell", "/usr/sbin/nologin", USER)
        return Done(True, USER)
    return Done(False, USER)


def ensure_folder(path: Path, mode: int, owner: str) -> Done:
    """With what is in it, where it is another's. Raises BoxError where something else stands there."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise BoxError(f"{path} should be a folder. Move away what stands there.")
    made = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    uid = pwd.getpwnam(owner).pw_uid
    foreign = any(one.lstat().st_uid != uid for one in (path, *path.iterdir()))  # as after `picloud restore` by root
    if foreign:
        run("chown", "--recursive", "--no-dereference", f"{owner}:{owner}", str(path))
    changed = ensure_mode(path, mode, owner)
    return Done(made or foreign or changed, f"{path} ({owner}, {mode:04o})")


def ensure_mode(path: Path, mode: int, owner: str) -> bool:
    """Whether owner or mode had to be changed."""
    entry, found = pwd.getpwnam(owner), path.stat()
    if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (entry.pw_uid, entry.pw_gid, mode):
        return False
    os.chown(path, entry.pw_uid, entry.pw_gid)
    path.chmod(mode)
    return True
