"""What a worker gives up before it reads its first byte. The order matters: a step may need what a later one takes."""

import os
import resource
import signal

from picloud.sandbox_pool import libc

CPU_LAST_RESORT_S = 3_600
STACK_BYTES = 8 * 1024 * 1024


def confine(fd: int, data_bytes: int, memory_bytes: int) -> None:
    """Confines the calling process for good; only `fd` stays open. Raises OSError when a step fails.

    `data_bytes` is the size of its data segment now, `memory_bytes` what it may grow by.
    """
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    libc.prctl(libc.PR_SET_DUMPABLE, 0)
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    _keep_only(fd)
    _set_limits(data_bytes + memory_bytes)


def _keep_only(fd: int) -> None:
    os.closerange(0, fd)
    os.closerange(fd + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _set_limits(data_bytes: int) -> None:
    """The CPU limit is for when nobody is left to count: the driver's own count is exact and comes long before."""
    for kind, value in (
        (resource.RLIMIT_DATA, data_bytes),
        (resource.RLIMIT_STACK, STACK_BYTES),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_CPU, CPU_LAST_RESORT_S),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (value, value))
