"""What a worker gives up before it reads its first byte. The order matters: a step may need what a later one takes."""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from typing import NamedTuple

from picloud.sandbox_pool import libc
from picloud.sandbox_pool.landlock import Ruleset
from picloud.sandbox_pool.seccomp import Filter
from picloud.sandbox_pool.units import MIB

CPU_LAST_RESORT_S = 3_600
STACK_BYTES = 8 * MIB
_SLACK_BYTES = 8 * MIB


class Size(NamedTuple):
    """Of a process, in bytes: its whole address space, and the data in it."""

    total_bytes: int
    data_bytes: int


class Confinement:
    """Made once, in the zygote, which gives up at once what it doesn't need itself; each worker gives up the rest.

    `missing` maps each layer that this kernel doesn't have to the reason. Whoever uses the workers must judge.
    """

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self._zygote_pid = os.getpid()
        self._ruleset: Ruleset | None = None
        self._filter: Filter | None = None
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
        libc.prctl(libc.PR_SET_DUMPABLE, 0)
        with self._may_be_missing("memory-deny-write-execute"):
            libc.prctl(libc.PR_SET_MDWE, libc.PR_MDWE_REFUSE_EXEC_GAIN)
        libc.drop_capabilities()
        with self._may_be_missing("landlock"):
            self._ruleset = Ruleset()
        with self._may_be_missing("seccomp"):
            self._filter = Filter()

    @contextlib.contextmanager
    def _may_be_missing(self, layer: str) -> Iterator[None]:
        try:
            yield
        except (OSError, NotImplementedError) as error:
            self.missing[layer] = str(error)

    def confine(self, fd: int, size: Size, memory_bytes: int) -> None:
        """Confines the calling process for good; only `fd` stays open. Raises OSError when a step fails.

        `size` is what it has now, `memory_bytes` what it may grow by.
        """
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._zygote_pid:  # it died before this process could ask to be told
            os._exit(1)
        if self._ruleset is not None:
            self._ruleset.enter()
        _keep_only(fd)
        _set_limits(size, memory_bytes)
        if self._filter is not None:
            self._filter.install()


def _keep_only(fd: int) -> None:
    os.closerange(0, fd)
    os.closerange(fd + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _set_limits(size: Size, memory_bytes: int) -> None:
    """The address space is bounded beside the data: page tables and read-only mappings count for nothing else.
    The CPU limit is for when nobody is left to count: the driver's own count is exact and comes long before."""
    for kind, value in (
        (resource.RLIMIT_DATA, size.data_bytes + memory_bytes),
        (resource.RLIMIT_AS, size.total_bytes + memory_bytes + STACK_BYTES + _SLACK_BYTES),
        (resource.RLIMIT_STACK, STACK_BYTES),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 16),
        (resource.RLIMIT_CPU, CPU_LAST_RESORT_S),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (value, value))
