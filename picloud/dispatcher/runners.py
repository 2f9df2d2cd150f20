"""Threads that run claimed deliveries, one at a time each."""

import logging
import random
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from sqlalchemy import Engine

from picloud.dispatcher.claim import LOST, Claimed, load_payload
from picloud.dispatcher.settle import Ended
from picloud.dispatcher.verdict import Dead, PutBack, judge
from picloud.domain.errors import NotFound
from picloud.domain.ids import uuid7
from picloud.sandbox_pool.executor import ExecutorGone
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import ErrorInfo, Outcome, Status
from picloud.sandbox_pool.pool import Busy
from picloud.services.app_code import AppCodeCache
from picloud.services.execution_rows import ExecutionRow, execution_row
from picloud.services.runner import Runner, RunResult
from picloud.services.trouble import passes
from picloud.services.wakeup import Wakeup

log = logging.getLogger(__name__)

SHORT_PAUSE_S = 1.0
"""No worker, or no database, for reasons that pass."""
LONG_PAUSE_S = 30.0
"""The script can't be run as it stands, until somebody changes it."""
WAIT_S = 5.0
"""For a free worker, when calls by HTTP have taken them all."""

_EVENT_GONE = {"type": "EventGone", "message": "The event is not kept any more."}
_INTERNAL = ErrorInfo("InternalError", "PiCloud could not run the handler; its own log says why.")


class Runners:
    """`finished` is notified when it is time to `collect`."""

    def __init__(
        self, engine: Engine, runner: Runner, app_codes: AppCodeCache, finished: Wakeup, *, threads: int
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._app_codes = app_codes
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
            self._done.put(self._attempt(claimed))
            if self._time_to_collect():
                self._finished.notify()

    def _time_to_collect(self) -> bool:
        ended = self._done.qsize()
        return ended > 0 and (ended >= self._enough or self._todo.empty())

    def _attempt(self, claimed: Claimed) -> Ended:
        if claimed.forsaken:
            return Ended(claimed, PutBack(0))
        if claimed.attempts.attempt > claimed.attempts.max_attempts:
            return Ended(claimed, Dead(LOST))
        try:
            payload = claimed.payload or load_payload(self._engine, claimed.event_id)
            if payload is None:
                return Ended(claimed, Dead(_EVENT_GONE))
            run = self._run(claimed, payload)
        except Busy as busy:
            return Ended(claimed, PutBack(busy.retry_after_s))
        except ExecutorGone:
            return Ended(claimed, PutBack(SHORT_PAUSE_S))
        except NotFound as error:
            log.warning("no such endpoint", extra={"fields": {"delivery_id": claimed.id, "detail": error.detail}})
            return Ended(claimed, PutBack(LONG_PAUSE_S))
        except Exception as error:
            if passes(error):
                return Ended(claimed, PutBack(SHORT_PAUSE_S))
            log.exception("a delivery could not be run", extra={"fields": {"delivery_id": claimed.id}})
            run = self._broken_run(claimed)
        verdict = judge(run.outcome, claimed.kind, claimed.attempts, random.random())  # noqa: S311
        return Ended(claimed, verdict, _row(claimed, run))

    def _run(self, claimed: Claimed, payload: str) -> RunResult:
        return self._runner.run(
            self._app_codes.by_id(claimed.app_id),
            claimed.script_id,
            event=claimed.event(payload),
            principal=claimed.principal,
            wall_ms=int(claimed.timeout_s * 1000),
            wait_s=WAIT_S,
        )

    def _broken_run(self, claimed: Claimed) -> RunResult:
        """Our own mistake counts as an attempt: else it would be made again and again."""
        outcome = Outcome(Status.crash, Limits(), error=_INTERNAL)
        name = ""
        with suppress(Exception):
            name = self._app_codes.by_id(claimed.app_id).scripts[claimed.script_id].name
        return RunResult(uuid7(), claimed.app_id, claimed.script_id, name, 0, datetime.now(UTC), outcome)


def _row(claimed: Claimed, run: RunResult) -> ExecutionRow:
    return execution_row(
        run,
        kind=claimed.kind.value,
        event_id=claimed.event_id,
        trace_id=claimed.trace_id,
        attempt=claimed.attempts.attempt,
        max_attempts=claimed.attempts.max_attempts,
        manual=claimed.manual,
        delivery_id=claimed.id,
        trigger_id=claimed.trigger_id,
    )


T = TypeVar("T")


def _all_of(queue: "SimpleQueue[T]") -> list[T]:
    found = []
    with suppress(Empty):
        while True:
            found.append(queue.get_nowait())
    return found
