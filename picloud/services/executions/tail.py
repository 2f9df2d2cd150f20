"""What one stream has still to send."""

import time
from enum import StrEnum
from threading import Condition
from uuid import UUID

from picloud.models import Execution
from picloud.services.executions.executions import ExecutionFilter

HOLD_S = 0.3
"""So long what was committed waits for what ended before it: calls over HTTP are recorded 100 ms later than others."""
WAITING_MAX = 500
"""Executions that wait for a slow reader."""


class Notice(StrEnum):
    """What is said besides executions."""

    AWAY = "away"
    """The database went away."""
    BACK = "back"
    """It is there again."""
    LOST = "lost"
    """The reader is too slow: executions were left out."""
    END = "end"
    """This process stops."""


class Tail:
    """Of one app. Filled by any thread, emptied by the one that streams."""

    def __init__(self, app_id: UUID, narrowed: ExecutionFilter, since: UUID) -> None:
        self.app_id = app_id
        self._narrowed = narrowed
        self._since = since
        self._changed = Condition()
        self._waiting: list[tuple[float, Execution]] = []
        self._notices: list[Notice] = []

    def put(self, execution: Execution, now: float, *, own: bool) -> None:
        """`now`: of the monotonic clock. What this process has not committed itself may have ended before `since`."""
        if not self._narrowed.takes(execution) or (not own and execution.id < self._since):
            return
        with self._changed:
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append((now, execution))
            elif Notice.LOST not in self._notices:
                self._notices.append(Notice.LOST)
            self._changed.notify()

    def say(self, notice: Notice) -> None:
        with self._changed:
            self._notices.append(notice)
            self._changed.notify()

    def take(self, timeout_s: float) -> list[Execution | Notice]:
        """Executions in the order of their ids, then notices. Waits for at most `timeout_s` for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._notices, timeout_s)
            if self._waiting:
                held_s = self._waiting[0][0] + HOLD_S - time.monotonic()
                self._changed.wait_for(lambda: self._notices, max(0.0, held_s))
            notices, self._notices = self._notices, []
            return [*self._ripe(everything=bool(notices)), *notices]

    def _ripe(self, *, everything: bool) -> list[Execution]:
        """Those that have waited long enough, and what ended before them."""
        until = time.monotonic() - HOLD_S
        newest = max((one.id for at, one in self._waiting if everything or at <= until), default=None)
        if newest is None:
            return []
        ripe = [one for _, one in self._waiting if one.id <= newest]
        self._waiting = [(at, one) for at, one in self._waiting if one.id > newest]
        return sorted(ripe, key=lambda one: one.id)
