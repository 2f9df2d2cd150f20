"""The pool: runs a job in a warm worker of its app, and keeps workers warm."""

import json
import queue
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from math import ceil

from picloud.sandbox_pool.breaker import Breaker, Key
from picloud.sandbox_pool.code_problem import CodeProblem
from picloud.sandbox_pool.compiler import CodeRefused, Compiler
from picloud.sandbox_pool.driver import HostCalls, HostError, Run
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.job import Job
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import ErrorInfo, Outcome, Status
from picloud.sandbox_pool.postmortem import amend
from picloud.sandbox_pool.process import Exit
from picloud.sandbox_pool.protocol import Kind
from picloud.sandbox_pool.seats import HALT_AFTER_S, Seat, Seats

__all__ = ["Busy", "HostCalls", "HostError", "Pool", "Tripped"]

_TIDY, _END = "tidy", "end"
SURVIVED = frozenset({Status.ok, Status.error})
"""How a run may end so that its worker may take another event."""


class Busy(Exception):
    """No worker was free in time. `retry_after_s` is when to try again."""

    retry_after_s = 1.0


class Tripped(Busy):
    """The script has killed too many workers and must wait for `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"paused after repeated kills; the script may run again in {ceil(retry_after_s)} s")
        self.retry_after_s = retry_after_s


class Pool:
    """Thread-safe. At most `size` runs at a time; `spares` empty workers are kept ready beside the loaded ones.

    Asleep means asleep: a second after the last run the housekeeper stops the idle workers, and then itself waits without
    a timer.
    """

    def __init__(
        self, executor: Executor, *, size: int = 4, spares: int = 1, spare_memory_bytes: int | None = None
    ) -> None:
        self._executor = executor
        self._free: queue.SimpleQueue[None] = queue.SimpleQueue()  # a semaphore, at a tenth of its price
        for _ in range(size):
            self._free.put(None)
        self._breaker = Breaker()
        self._compiler = Compiler(executor)
        self._seats = Seats(executor, size, spares, spare_memory_bytes or Limits().memory_bytes)
        self._chores: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closed = False
        self._awake = True
        self._housekeeper = threading.Thread(target=self._keep_house, name="sandbox-pool", daemon=True)
        self._housekeeper.start()

    def run(self, job: Job, host: HostCalls | None = None, *, wait_s: float) -> Outcome:
        """Runs `job`; blocks for at most `wait_s` for a free worker, then for the run's own wall limit.

        Raises Busy, ExecutorGone, and whatever `host` raised other than HostError.
        """
        key = self._rested(job)
        self._sit_down(wait_s)
        try:
            return self._run(job, host, key)
        finally:
            self._free.put(None)

    def run_below(self, job: Job, host: HostCalls | None = None) -> Outcome:
        """Runs `job` within a host call of another run, which waits for it and lends it its place: `size` is not held
        against it, so chains of such runs can't starve each other. The caller bounds their number.

        Raises as `run` does.
        """
        key = self._rested(job)
        if self._closed:
            raise Busy("the pool has been closed")
        return self._run(job, host, key)

    def check(self, name: str, source: str, modules: Collection[str], *, endpoint: bool = False) -> list[CodeProblem]:
        """What is wrong with the script `name`, which may import `modules`; empty for nothing. An `endpoint` needs a
        `handler` that can be called with `ctx` alone. Raises ExecutorGone."""
        return self._compiler.check(name, source, modules, endpoint=endpoint)

    def held_back(self) -> int:
        """How many scripts have killed their workers so often that they had to pause."""
        return self._breaker.held_back()

    def close(self) -> None:
        """Ends all workers; runs in progress end as `crash`. The executor is left to its owner."""
        self._closed = True
        self._chores.put(_END)
        self._housekeeper.join(timeout=5)
        self._seats.close()

    def _rested(self, job: Job) -> Key:
        """What the breaker knows the job by. Raises Tripped."""
        key = (job.app, job.code.key, job.code.entry)
        if pause_s := self._breaker.wait_s(key, time.monotonic()):
            raise Tripped(pause_s)
        return key

    def _sit_down(self, wait_s: float) -> None:
        try:
            self._free.get(timeout=max(0.0, wait_s))
        except queue.Empty:
            raise Busy(f"no worker was free within {wait_s} s") from None
        if self._closed:
            self._free.put(None)
            raise Busy("the pool has been closed")

    def _run(self, job: Job, host: HostCalls | None, key: Key) -> Outcome:
        try:
            load = self._compiler.load_frame(job.app, job.code)
        except CodeRefused as refused:
            return _refused(job, refused)
        outcome, ended = self._run_in(self._seats.take(job), job, host, load)
        if outcome.status in SURVIVED:
            self._breaker.survived(key)
        elif outcome.status is Status.crash and ended is None:
            outcome.executor_gone = True
        elif outcome.status is not Status.output:  # which costs a fork and no more
            self._breaker.killed(key, time.monotonic())
        return outcome

    def _run_in(self, seat: Seat, job: Job, host: HostCalls | None, load: bytes) -> tuple[Outcome, Exit | None]:
        run = Run(seat.worker, job, host)
        try:
            outcome = run.drive(_opening(seat, job, load))
        except BaseException:
            self._bury(seat)
            raise
        if outcome.status in SURVIVED and not job.per_event and not run.spent:
            self._seats.give_back(seat)
            self._call_housekeeper()
            return outcome, None
        ended = self._bury(seat)
        amend(outcome, ended, seat.base_resident_bytes)
        return outcome, ended

    def _bury(self, seat: Seat) -> Exit | None:
        ended = self._seats.end(seat)
        self._call_housekeeper()
        return ended

    def _call_housekeeper(self) -> None:
        if not self._awake or self._seats.untidy():
            self._awake = True
            self._chores.put(_TIDY)

    def _keep_house(self) -> None:
        """Forks spares, retires old workers and stops idle ones, off the path of any run."""
        while True:
            with suppress(ExecutorGone):  # the next run tries again, and tells its caller
                self._seats.tidy(time.monotonic())
            self._awake = False  # before the look: who comes after it must call
            if self._seats.halt(time.monotonic()):
                self._awake = True
            with suppress(queue.Empty):
                if self._chores.get(timeout=HALT_AFTER_S if self._awake else None) == _END:
                    return


def _opening(seat: Seat, job: Job, load: bytes) -> list[tuple[Kind, bytes]]:
    """The frames that this worker needs before and with its event."""
    opening = []
    if not seat.loaded:
        opening.append((Kind.LOAD, load))
        seat.loaded = True
    about = (job.context, job.limits)
    if seat.about != about:
        body = json.dumps({"context": dict(job.context), "limits": job.limits.as_dict()}).encode()
        opening.append((Kind.CONTEXT, body))
        seat.about = about
    opening.append((Kind.EVENT, job.event))
    return opening


def _refused(job: Job, refused: CodeRefused) -> Outcome:
    problem = refused.problems[0]
    message = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    error = ErrorInfo("SyntaxError", message, problem.line, script=refused.script)
    return Outcome(Status.error, job.limits, error=error)
