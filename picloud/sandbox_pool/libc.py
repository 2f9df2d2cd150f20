"""The few calls of the kernel's interface that Python has no function for."""

import ctypes
import os
import struct
from typing import Any

from picloud.sandbox_pool.syscalls import MACHINES

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
PR_SET_MDWE = 65
PR_MDWE_REFUSE_EXEC_GAIN = 1

_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_NUMBERS = MACHINES.get(os.uname().machine, (0, {}))[1]


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def syscall(name: str, *arguments: Any) -> int:
    """A system call by name. Raises OSError; NotImplementedError on a machine whose number for it isn't known."""
    if name not in _NUMBERS:
        raise NotImplementedError(f"the number of {name} on this machine is not known")
    return _checked(_libc.syscall(ctypes.c_long(_NUMBERS[name]), *arguments), name)


def prctl(option: int, *values: int) -> int:
    """prctl(2). Raises OSError."""
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl(ctypes.c_int(option), *arguments), f"prctl({option})")


def drop_capabilities() -> None:
    """Gives up every capability, for good. Raises OSError."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last one, or without the right to: then no_new_privs must do
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header, nothing = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    syscall("capset", header, nothing)


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2). Raises OSError."""
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _checked(result, f"mount {target}")


def umount(target: str, flags: int) -> None:
    """umount2(2). Raises OSError."""
    _checked(_libc.umount2(target.encode(), ctypes.c_int(flags)), f"umount {target}")


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2), for which libc has no function. Raises OSError."""
    syscall("pivot_root", new_root.encode(), put_old.encode())
