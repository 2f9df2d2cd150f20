"""The executor's way down: an unprivileged uid, and namespaces of its own where the kernel gives them."""

import contextlib
import os

from picloud.sandbox_pool import libc

EXECUTOR_UID = 64_987
"""Used where PiCloud runs as root: above the range of accounts, below nobody; it needs no entry in passwd."""

_CLONE = {
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
_CLONE_NEWUSER = 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_RDONLY, _MS_REC, _MS_PRIVATE = 2, 4, 8, 1, 16384, 1 << 18
_MNT_DETACH = 2
_PLACE = "/tmp"  # noqa: S108  a folder that exists everywhere, to mount on


def descend() -> tuple[str, ...]:
    """Drops root and enters new namespaces; gives the names of those entered (none where the kernel refuses).

    The pid namespace holds the caller's next child, not the caller. Raises OSError if root can't be dropped.
    """
    entered = _enter(0) if os.geteuid() == 0 else ()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(EXECUTOR_UID, EXECUTOR_UID, EXECUTOR_UID)
        os.setresuid(EXECUTOR_UID, EXECUTOR_UID, EXECUTOR_UID)
    return entered or _enter(_CLONE_NEWUSER)


def _enter(extra: int) -> tuple[str, ...]:
    flags = extra
    for flag in _CLONE.values():
        flags |= flag
    try:
        libc.unshare(flags)
    except OSError:
        return ()
    names = (*_CLONE, "user") if extra else tuple(_CLONE)
    with contextlib.suppress(OSError):
        _empty_root()
        return (*names, "empty root")
    return names


def _empty_root() -> None:
    """Puts an empty, read-only file system in the place of everything. All that is needed must have been read."""
    libc.mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    libc.mount("none", _PLACE, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | _MS_RDONLY, "size=4k,nr_inodes=2")
    os.chdir(_PLACE)
    libc.pivot_root(".", ".")
    libc.umount(".", _MNT_DETACH)
    os.chdir("/")
