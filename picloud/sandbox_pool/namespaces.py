"""The executor's way down: an unprivileged uid, and namespaces of its own where the kernel gives them."""

import os
from collections.abc import Mapping

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


def enter() -> tuple[str, ...]:
    """Enters new namespaces; gives their names (none where the kernel refuses).

    That of pids holds the caller's next child, not the caller. Without root, a user namespace comes with the others.
    """
    extra = {} if os.geteuid() == 0 else {"user": _CLONE_NEWUSER}
    return _unshare({**_CLONE, **extra})


def enter_without_pids() -> tuple[str, ...]:
    """For a root that may not enter namespaces, after it has dropped root: those that don't need another fork."""
    return _unshare({**_CLONE, "user": _CLONE_NEWUSER}, without="pid")


def _unshare(flags: Mapping[str, int], without: str = "") -> tuple[str, ...]:
    wanted = {name: flag for name, flag in flags.items() if name != without}
    try:
        libc.unshare(sum(wanted.values()))
    except OSError:
        return ()
    return tuple(wanted)


def drop_root() -> None:
    """Raises OSError where that fails."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(EXECUTOR_UID, EXECUTOR_UID, EXECUTOR_UID)
        os.setresuid(EXECUTOR_UID, EXECUTOR_UID, EXECUTOR_UID)


def empty_root() -> None:
    """Puts an empty, read-only file system in the place of everything. All that is needed must have been read.
    Raises OSError where the kernel refuses."""
    libc.mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    libc.mount("none", _PLACE, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | _MS_RDONLY, "size=4k,nr_inodes=2")
    os.chdir(_PLACE)
    libc.pivot_root(".", ".")
    libc.umount(".", _MNT_DETACH)
    os.chdir("/")
