"""Becomes a PostgreSQL program: `python -I -S launcher.py JOB PROGRAM ARGUMENTS…`, started as a file.

JOB is JSON: `parent` (process id), `environment` (all that the program gets: ours may hold secrets), and, when root
starts it, `uid`, `gid`, and `namespace` with `mounts`, a list of [source, target], when the account can't reach the
real folders. The program ends when the parent dies.
A program of its own and no `preexec_fn`: the parent has threads, and Python code after its fork could deadlock.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

MOUNT_REFUSED = 77
NOT_STARTED = 71

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 0x2, 0x4, 0x1000, 0x4000, 0x80000

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    """Doesn't return when all goes well. The answer is an exit code that no PostgreSQL program uses."""
    job: dict[str, Any] = json.loads(arguments[0])
    try:
        if job.get("mounts"):
            _mount_privately(job["namespace"], job["mounts"])
    except OSError as error:
        return _complain(MOUNT_REFUSED, error)
    try:
        if "uid" in job:
            _drop_root(job["uid"], job["gid"])
        _end_with(job["parent"])
        os.execve(arguments[1], arguments[1:], job["environment"])  # noqa: S606 - no shell is what we want
    except OSError as error:
        return _complain(NOT_STARTED, error)


def _mount_privately(namespace: str, mounts: list[list[str]]) -> None:
    """Nobody else sees these mounts, and they vanish with the last process of the server."""
    _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    _mount("none", "/", "", _MS_REC | _MS_SLAVE)  # ours stay ours, and a disk unmounted outside is let go here too
    _mount("tmpfs", namespace, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=64k,mode=755")
    for source, target in mounts:
        os.makedirs(target, mode=0o755)
        _mount(source, target, "", _MS_BIND)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _check(result, f"mount {target}")


def _drop_root(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _end_with(parent: int) -> None:
    """SIGINT is PostgreSQL's fast shutdown. After the change of user, which would clear it."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGINT), 0, 0, 0), "prctl")
    if os.getppid() != parent:
        raise OSError("the process that started this one is gone")


def _check(result: int, action: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{action}: {os.strerror(number)}")


def _complain(code: int, error: OSError) -> int:
    print(f"FATAL:  launcher: {error.strerror or error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
