"""The system calls that a worker may make, as a seccomp-BPF program (seccomp(2), linux/filter.h).

Allowed: what Python needs to compute, to talk over the one socket it has, and to sleep. Refused with EPERM: what it tries
innocently. For anything else, for a foreign architecture and for x32, the process is killed.
"""

import ctypes
import errno
import functools
import os
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from picloud.sandbox_pool import libc
from picloud.sandbox_pool.syscalls import MACHINES
from picloud.sandbox_pool.words import words

ALLOWED = words(
    "recvfrom sendto futex mmap munmap brk mremap madvise mprotect clock_gettime getrandom rt_sigreturn rt_sigprocmask "
    "rt_sigaction sigaltstack clock_nanosleep nanosleep restart_syscall read write close poll ppoll sched_yield getpid "
    "gettid gettimeofday time times clock_getres getrusage exit exit_group"
)
REFUSED = words(
    "openat open stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getcwd getdents64 "
    "lseek ioctl fcntl dup uname sysinfo getuid getgid geteuid getegid getppid getrlimit prlimit64 prctl tgkill "
    "sched_getaffinity"
)

_PROT_READ_WRITE = 0x3
_MAP_PRIVATE_ANONYMOUS = 0x22
_MAP_HARMLESS = 0x4000 | 0x20000  # NORESERVE, STACK; not FIXED, see _CHECKS
_MREMAP_MAYMOVE = 0x1
_FUTEX_COMMAND = 0x7F
_FUTEX_COMMANDS = (0, 1, 9, 10)  # WAIT, WAKE, WAIT_BITSET, WAKE_BITSET
_MADVICE = (0, 4, 8)  # NORMAL, DONTNEED, FREE

_CLOCKS = range(12)  # the named ones; negative numbers are the CPU clocks of other processes

_MSG_HARMLESS = (
    0x40 | 0x4000
)  # DONTWAIT, NOSIGNAL; not OOB, whose code in the kernel has let sandboxes be left (CVE-2025-38236)

_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_BIT = 0x40000000
_SET_MODE_FILTER, _ACTION_AVAILABLE = 1, 2

Step = tuple[int, int, int, int]
"""One instruction: code, jump if true, jump if false, operand."""


@functools.cache
def program(machine: str) -> bytes:
    """The filter for `machine` (as of uname -m). Raises OSError for one that PiCloud doesn't know."""
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"no system call filter for {machine}")
    arch, numbers = MACHINES[machine]
    steps = [(_LOAD, 0, 0, _ARCH_AT), (_JUMP_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL_PROCESS)]
    steps += [(_LOAD, 0, 0, _NUMBER_AT), (_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL_PROCESS)]
    for name in ALLOWED:
        steps += _when(numbers, name, [*_CHECKS.get(name, ()), (_RETURN, 0, 0, _ALLOW)])
    for name in REFUSED:
        steps += _when(numbers, name, [(_RETURN, 0, 0, _REFUSE)])
    steps.append((_RETURN, 0, 0, _KILL_PROCESS))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _when(numbers: Mapping[str, int], name: str, then: list[Step]) -> list[Step]:
    """`then`, for the call `name`; nothing where the machine has no such call."""
    return [(_JUMP_EQUAL, 0, len(then), numbers[name]), *then] if name in numbers else []


def _argument(index: int, checks: list[Step]) -> list[Step]:
    """Loads the argument for `checks`, which must fall through to go on; its upper half must be 0."""
    low = _ARGUMENTS_AT + 8 * index
    upper: list[Step] = [(_LOAD, 0, 0, low + 4), (_JUMP_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _REFUSE)]
    return [*upper, (_LOAD, 0, 0, low), *checks]


def _no_bits_but(bits: int) -> list[Step]:
    return [(_JUMP_ANY_BIT, 0, 1, ~bits & 0xFFFFFFFF), (_RETURN, 0, 0, _REFUSE)]


def _all_bits_of(bits: int) -> list[Step]:
    return [(_AND, 0, 0, bits), (_JUMP_EQUAL, 1, 0, bits), (_RETURN, 0, 0, _REFUSE)]


def _one_of(values: Iterable[int], mask: int = 0xFFFFFFFF) -> list[Step]:
    values = list(values)
    tests = [(_JUMP_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [(_AND, 0, 0, mask), *tests, (_RETURN, 0, 0, _REFUSE)]


_CHECKS: Mapping[str, list[Step]] = {
    # where it pleases the kernel: single pages far apart would each need page tables, which no limit counts
    "mmap": [
        *_argument(0, _one_of((0,))),
        *_argument(2, _no_bits_but(_PROT_READ_WRITE)),
        *_argument(3, _no_bits_but(_MAP_PRIVATE_ANONYMOUS | _MAP_HARMLESS) + _all_bits_of(_MAP_PRIVATE_ANONYMOUS)),
    ],
    "mprotect": _argument(2, _no_bits_but(_PROT_READ_WRITE)),
    "mremap": _argument(3, _no_bits_but(_MREMAP_MAYMOVE)),
    "madvise": _argument(2, _one_of(_MADVICE)),
    "sendto": [*_argument(3, _no_bits_but(_MSG_HARMLESS)), *_argument(4, _one_of((0,)))],
    "recvfrom": _argument(3, _no_bits_but(_MSG_HARMLESS)),
    **dict.fromkeys(("clock_gettime", "clock_getres", "clock_nanosleep"), _argument(0, _one_of(_CLOCKS))),
    "futex": _argument(1, _one_of(_FUTEX_COMMANDS, _FUTEX_COMMAND)),
}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


class Filter:
    """The filter, built once and installed by each worker. Raises OSError where the machine is not known or the
    kernel has no seccomp."""

    def __init__(self) -> None:
        libc.syscall("seccomp", _ACTION_AVAILABLE, 0, ctypes.byref(ctypes.c_uint32(_KILL_PROCESS)))
        code = program(os.uname().machine)
        self._program = _Program(len(code) // 8, code)
        self._pointer: Any = ctypes.byref(self._program)

    def install(self) -> None:
        """For good, for the calling thread. Raises OSError."""
        libc.syscall("seccomp", _SET_MODE_FILTER, 0, self._pointer)
