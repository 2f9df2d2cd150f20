"""Who holds which worker: loaded ones by app and code, and empty spares. Forks, retires and buries them."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.job import Job
from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.process import Exit, WorkerProcess

MAX_EVENTS = 1_000
MAX_GROWTH_BYTES = 16 * MIB
MAX_IDLE_S = 600.0
HALT_AFTER_S = 1.0

Key = tuple[str, str, int]
"""(app, code key, memory budget in bytes): a worker never changes any of them."""


@dataclass(slots=True, eq=False)
class Seat:
    """A worker and what it has been told."""

    worker: WorkerProcess
    base_resident_bytes: int
    key: Key | None = None
    loaded: bool = False
    about: tuple[Mapping[str, Any], Limits] | None = None
    events: int = 0
    idle_since: float = 0.0


class Seats:
    """Thread-safe. Holds at most `size` loaded workers that are idle or running, and `spares` empty ones."""

    def __init__(self, executor: Executor, size: int, spares: int, spare_memory_bytes: int) -> None:
        self._executor = executor
        self._size = size
        self._wanted_spares = spares
        self._spare_memory_bytes = spare_memory_bytes
        self._lock = threading.Lock()
        self._idle: list[Seat] = []
        self._spares: list[Seat] = []
        self._running: set[Seat] = set()
        self._closed = False

    def take(self, job: Job) -> Seat:
        """A living worker for `job`: its app's own, else a spare, else a new one. Raises ExecutorGone."""
        key = (job.app, job.code.key, job.limits.memory_bytes)
        seat = None if job.per_event else self._idle_of(key)
        if seat is None:
            self._make_room()
            seat = self._spare(job.limits.memory_bytes) or self._fork(job.limits.memory_bytes)
            seat.key = key
            with self._lock:
                self._running.add(seat)
        return seat

    def give_back(self, seat: Seat) -> None:
        """Keeps the worker for its app's next event, or ends it where it has served its time."""
        seat.events += 1
        seat.idle_since = time.monotonic()
        worn = seat.events >= MAX_EVENTS or seat.worker.size_bytes - seat.worker.base_bytes > MAX_GROWTH_BYTES
        with self._lock:
            if not worn and not self._closed:
                self._running.discard(seat)
                self._idle.append(seat)
                return
        self.end(seat)

    def end(self, seat: Seat) -> Exit | None:
        """Kills and buries; says how it ended, which may have been before."""
        with self._lock:
            self._running.discard(seat)
        return self._executor.bury(seat.worker)

    def untidy(self) -> bool:
        """Whether `tidy` would do anything worth waking for."""
        idle = self._idle
        return len(self._spares) < self._wanted_spares or bool(
            idle and time.monotonic() - idle[0].idle_since > MAX_IDLE_S
        )

    def tidy(self, now: float) -> None:
        """Ends what has been idle for long and forks what spares are missing. Raises ExecutorGone."""
        with self._lock:
            old = [seat for seat in self._idle if now - seat.idle_since > MAX_IDLE_S]
            self._idle = [seat for seat in self._idle if seat not in old]
        for seat in old:
            self.end(seat)
        while not self._closed and len(self._spares) < self._wanted_spares:
            seat = self._fork(self._spare_memory_bytes)
            with self._lock:
                self._spares.append(seat)

    def halt(self, now: float) -> bool:
        """Stops the workers that have been idle for a second: one that only says that it has done its event, and goes on,
        has nobody who watches its clocks. Whether there are others, to look again for."""
        with self._lock:
            for seat in self._idle:
                if now - seat.idle_since >= HALT_AFTER_S:
                    seat.worker.halt()
            return any(now - seat.idle_since < HALT_AFTER_S for seat in self._idle)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            seats = [*self._idle, *self._spares]
            self._idle, self._spares = [], []
            for running in self._running:
                running.worker.kill()
        for seat in seats:
            self.end(seat)

    def _idle_of(self, key: Key) -> Seat | None:
        """The one of `key` that was used last, now running."""
        while (seat := self._wake(key)) is not None:
            if self._executor.keeps(seat.worker) and not seat.worker.is_restless():
                return seat
            self.end(seat)
        return None

    def _wake(self, key: Key) -> Seat | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].key == key:
                    seat = self._idle.pop(index)
                    self._running.add(seat)
                    seat.worker.resume()
                    return seat
        return None

    def _make_room(self) -> None:
        """Ends the loaded workers that have been idle longest, so that one more fits."""
        with self._lock:
            surplus = len(self._idle) + len(self._running) + 1 - self._size
            old, self._idle = self._idle[: max(0, surplus)], self._idle[max(0, surplus) :]
        for seat in old:
            self.end(seat)

    def _spare(self, memory_bytes: int) -> Seat | None:
        if memory_bytes != self._spare_memory_bytes:
            return None
        while True:
            with self._lock:
                if not self._spares:
                    return None
                seat = self._spares.pop()
            if self._executor.keeps(seat.worker):
                return seat
            self.end(seat)

    def _fork(self, memory_bytes: int) -> Seat:
        worker = self._executor.spawn(memory_bytes)
        return Seat(worker, worker.resident_bytes())
