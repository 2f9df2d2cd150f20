"""How full the apps' backlogs are, as last counted: so that not every delivery is counted against the limit.

The limit may be passed by what other processes add between two counts: by some per mille where it is reached slowly, by a
share of an eighth for each process where it is reached within a second.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from threading import Lock
from uuid import UUID

COUNT_S = 1.0
"""A count is believed for so long."""
_SHARE = 8
"""Of the room that was counted, so large a part may be used without another count; and always 1/_LEAST of the limit."""
_LEAST = 500
_REST = 10
"""A full backlog is counted again after so many times what the count took."""


class Room(Enum):
    TAKEN = auto()
    NONE = auto()
    UNKNOWN = auto()


@dataclass(slots=True)
class _Figure:
    until: float
    room: int
    full: bool = False


class Backlogs:
    """Safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._figures: dict[UUID, _Figure] = {}

    def take(self, app_id: UUID) -> Room:
        """Take the place for one delivery, where there is known to be one."""
        with self._lock:
            figure = self._figures.get(app_id)
            if figure is None or figure.until <= self._clock():
                return Room.UNKNOWN
            if figure.full or not figure.room:
                return Room.NONE if figure.full else Room.UNKNOWN
            figure.room -= 1
            return Room.TAKEN

    def counted(self, app_id: UUID, waiting: int | None, backlog_max: int, started: float) -> None:
        """`waiting`: before the one delivery that was added; None: too many for it. `started`: when it was asked."""
        now = self._clock()
        if waiting is None:
            figure = _Figure(now + _REST * (now - started), 0, full=True)
        else:
            figure = _Figure(now + COUNT_S, max((backlog_max - waiting - 1) // _SHARE, backlog_max // _LEAST))
        with self._lock:
            if len(self._figures) > 10_000:
                self._figures.clear()
            self._figures[app_id] = figure

    def now(self) -> float:
        return self._clock()
