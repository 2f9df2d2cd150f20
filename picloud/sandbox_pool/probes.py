"""Attacks that a worker tries on its own confinement, when it is asked to. Each is harmless where it succeeds."""

import ctypes
import errno
from collections.abc import Callable
from typing import Any

from picloud.sandbox_pool import libc
from picloud.sandbox_pool.units import MIB

_NOTHING: tuple[Any, ...] = (None, None, None, None)
_SHARED_ANONYMOUS, _PRIVATE_ANONYMOUS = 0x21, 0x22
_READ_WRITE, _READ_WRITE_EXECUTE = 0x3, 0x7


def _call(name: str, *arguments: Any) -> Callable[[], object]:
    wide = tuple(ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    return lambda: libc.syscall(name, *wide)


PROBES: dict[str, Callable[[], object]] = {
    "open a file": _call("openat", -100, b"/etc/passwd", 0),
    "executable memory": _call("mmap", 0, 4096, _READ_WRITE_EXECUTE, _PRIVATE_ANONYMOUS, -1, 0),
    "shared memory": _call("mmap", 0, 4096, _READ_WRITE, _SHARED_ANONYMOUS, -1, 0),
    "memory over the limit": lambda: bytearray(64 * MIB),
    "a second descriptor": _call("dup", 0),
    "a socket": _call("socket", 1, 1, 0),
    "a process": _call("clone", 0, *_NOTHING),
    "a program": _call("execve", *_NOTHING),
    "a signal": _call("kill", 1, 0),
    "another process's memory": _call("process_vm_readv", 1, None, 0, None, 0, 0),
    "tracing": _call("ptrace", -1, 0, 0, 0),
    "namespaces": _call("unshare", 0),
    "a file in memory": _call("memfd_create", None, -1),
    "keys": _call("keyctl", -1),
    "System V memory": _call("shmget", 0, 0, 0),
    "io_uring": _call("io_uring_setup", 0, None),
    "bpf": _call("bpf", -1, None, 0),
    "userfaultfd": _call("userfaultfd", -1),
    "another filter": _call("seccomp", -1, 0, None),
}
"""What is tried -> how. (`clone` without a memory flag is `fork`.)"""

SOFT = ("open a file", "executable memory", "shared memory", "memory over the limit", "a second descriptor")
"""Those that a confined worker survives: it is refused. For the others it is killed."""


def attempt(name: str) -> bool:
    """Tries one; True where it was refused for want of permission, False where it wasn't."""
    try:
        PROBES[name]()
    except MemoryError:
        return True
    except OSError as error:
        return error.errno == errno.EPERM
    return False
