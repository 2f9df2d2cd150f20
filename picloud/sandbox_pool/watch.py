"""Watches the clocks of one run. No timer runs: the driver sleeps until a limit could be passed, then looks."""

import time

from picloud.sandbox_pool.interrupts import CPU_SIGNAL, WALL_SIGNAL
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Status
from picloud.sandbox_pool.process import WorkerProcess

_POLITE_CPU_NS = 6_000_000
_POLITE_WALL_NS = 200_000_000
_CPU_STARVED_NS = 500_000_000
_LOOK_AGAIN_NS = 2_000_000


class Expired(Exception):
    """A limit was passed, and the polite signal didn't help. `status` is `cpu` or `wall`."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class Watch:
    """First a signal, which an honest worker turns into a traceback; then, after a moment, `Expired`.

    CPU is measured on the worker's own clock, wall from the creation of the watch. `hit` is the limit that was passed.
    """

    def __init__(self, worker: WorkerProcess, limits: Limits) -> None:
        self._worker = worker
        self._cpu_limit_ns = limits.cpu_ms * 1_000_000
        self.started_ns = time.monotonic_ns()
        try:
            self._cpu_started_ns = worker.cpu_ns()
        except OSError:  # it has ended before it began: the first frame will tell
            self._cpu_started_ns = 0
        self._wall_end_ns = self.started_ns + limits.wall_ms * 1_000_000
        self._look_ns = min(self._wall_end_ns, self.started_ns + self._cpu_limit_ns)
        self._signalled_ns = 0
        self._signalled_cpu_left = 0
        self.hit: Status | None = None

    def patience_s(self) -> float:
        """For how long to wait for the worker before asking again. Raises Expired, OSError when it has ended."""
        now = time.monotonic_ns()
        if now >= self._look_ns:
            self._look(now)
        return (self._look_ns - now) / 1e9

    def cpu_used_ns(self) -> int:
        return self._worker.cpu_ns() - self._cpu_started_ns

    def _look(self, now: int) -> None:
        cpu_left = self._cpu_limit_ns - self.cpu_used_ns()
        if self.hit is None:
            if cpu_left > 0 and now < self._wall_end_ns:
                # one thread can't use CPU faster than time passes
                self._look_ns = min(self._wall_end_ns, now + max(cpu_left, 500_000))
                return
            self._signal(now, cpu_left)
        elif self._out_of_patience(now, cpu_left):
            raise Expired(self.hit)
        self._look_ns = now + _LOOK_AGAIN_NS

    def _signal(self, now: int, cpu_left: int) -> None:
        self.hit = Status.cpu if cpu_left <= 0 else Status.wall
        self._signalled_ns = now
        self._signalled_cpu_left = cpu_left  # less than none where this thread itself had to wait for a processor
        self._worker.signal(CPU_SIGNAL if self.hit is Status.cpu else WALL_SIGNAL)

    def _out_of_patience(self, now: int, cpu_left: int) -> bool:
        waited = now - self._signalled_ns
        if self.hit is Status.wall:
            return waited >= _POLITE_WALL_NS
        return cpu_left <= self._signalled_cpu_left - _POLITE_CPU_NS or waited >= _CPU_STARVED_NS
