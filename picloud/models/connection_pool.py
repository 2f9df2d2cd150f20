"""Connections that nobody needs any more are closed: each holds a process of PostgreSQL, 2.5 to 4 MiB of memory of its own."""

import logging
import time
from contextlib import suppress
from threading import Lock, Timer
from typing import Any

from sqlalchemy import QueuePool
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.queue import Empty

KEPT = 1
"""Stay open, so that who comes after a pause waits for no connection."""
_SINCE = "idle_since"

logging.getLogger(__name__).setLevel(logging.WARNING)
"""The library logs under the name of a pool's class, and what it says below WARNING is left out."""


class ShrinkingPool(QueuePool):
    """Gives out first what was used last, and closes what beyond `kept` was not used for `idle_s`.

    Asleep means asleep: a timer runs only while there is something to close.
    """

    idle_s = 30.0
    kept = KEPT

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"use_lifo": True})
        self._lock = Lock()
        self._timed = False

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        record.info[_SINCE] = time.monotonic()
        super()._do_return_conn(record)
        if self.checkedin() > self.kept and not self._timed:
            self._set_timer()

    def _set_timer(self) -> None:
        with self._lock:
            if not self._timed:
                self._timed = True
                self._start_timer(self.idle_s)

    def _start_timer(self, after_s: float) -> None:
        timer = Timer(after_s, self._shrink)
        timer.daemon = True
        timer.start()

    def _shrink(self) -> None:
        idle = self._take_idle()
        connected = [record for record in idle if record.dbapi_connection is not None]
        oldest_kept = time.monotonic() - self.idle_s
        kept = connected[: self.kept] + [
            record for record in connected[self.kept :] if record.info[_SINCE] > oldest_kept
        ]
        for record in reversed(kept):
            super()._do_return_conn(record)  # what was used last is given out first again
        for record in idle:
            if record not in kept:
                self._drop(record)
        due = min((record.info[_SINCE] - oldest_kept for record in kept[self.kept :]), default=self.idle_s)
        with self._lock:
            self._timed = self.checkedin() > self.kept
            if self._timed:
                self._start_timer(due)

    def _take_idle(self) -> list[ConnectionPoolEntry]:
        """Those that nobody uses, the newest first; nobody else gets them now."""
        idle: list[ConnectionPoolEntry] = []
        with suppress(Empty):
            while True:
                idle.append(self._pool.get(False))
        return idle

    def _drop(self, record: ConnectionPoolEntry) -> None:
        """As the base class does with what it has no room for. One whose connection went its own way has none to close."""
        try:
            record.close()
        finally:
            self._dec_overflow()


class EmptyingPool(ShrinkingPool):
    """Keeps none: for what is seldom done."""

    kept = 0
