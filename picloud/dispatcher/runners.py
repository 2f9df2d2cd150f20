"""Threads that run claimed deliveries, one at a time each."""

from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from picloud.dispatcher.attempt import Attempter
from picloud.dispatcher.claim import Claimed
from picloud.dispatcher.settle import Ended
from picloud.services.wakeup import Wakeup


class Runners:
    """`finished` is notified when it is time to `collect`. Without `threads` nothing may be submitted."""

    def __init__(self, attempter: Attempter, finished: Wakeup, *, threads: int) -> None:
        self.threads = threads
        self._attempter = attempter
        self._finished = finished
        self._todo: SimpleQueue[Claimed | None] = SimpleQueue()
        self._done: SimpleQueue[Ended] = SimpleQueue()
        self._enough = 1
        self._threads = [Thread(target=self._work, name=f"runner-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def submit(self, rows: Iterable[Claimed]) -> None:
        for row in rows:
            self._todo.put(row)

    def collect(self) -> list[Ended]:
        """What has ended since the last call."""
        return _all_of(self._done)

    @property
    def busy(self) -> bool:
        """Whether more waits than the threads can begin."""
        return not self._todo.empty()

    def wake_after(self, enough: int) -> bool:
        """Notify once `enough` have ended, or a thread has nothing to do. Whether it is so already."""
        self._enough = enough
        return self._time_to_collect()

    def recall(self) -> list[Claimed]:
        """Take back what no thread has begun."""
        return [row for row in _all_of(self._todo) if row is not None]

    def end(self) -> None:
        """The threads end with their present run. Nothing waits for them."""
        for _ in self._threads:
            self._todo.put(None)

    def _work(self) -> None:
        while (claimed := self._todo.get()) is not None:
            self._done.put(self._attempter.attempt(claimed))
            if self._time_to_collect():
                self._finished.notify()

    def _time_to_collect(self) -> bool:
        ended = self._done.qsize()
        return ended > 0 and (ended >= self._enough or self._todo.empty())


T = TypeVar("T")


def _all_of(queue: "SimpleQueue[T]") -> list[T]:
    found = []
    with suppress(Empty):
        while True:
            found.append(queue.get_nowait())
    return found
