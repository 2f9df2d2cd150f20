"""Takes due deliveries out of everybody else's reach for the time of a lease. Only the database's clock decides.

Each app with something to do gets the same share of the room, a single one all of it. Within an app the higher priority
goes first, and within a priority the older one.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.caps import Caps, Rooms
from picloud.dispatcher.claim import LOST, Claimed, claimed
from picloud.dispatcher.claim_sql import CLAIM, NEXT_DUE, NEXT_DUE_BUT, RECORD_LOST
from picloud.dispatcher.crowds import Crowds
from picloud.dispatcher.low_water import LowWater
from picloud.domain.ids import uuid7
from picloud.services.array_literal import array_literal

_NOBODY = UUID(int=0)
_NONE = array_literal(())


class Claimer:
    """Belongs to one thread. All methods raise the errors of psycopg2."""

    def __init__(self, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.caps = Caps()
        self._lease_s = lease_s
        self._clock = clock
        self.low_water = LowWater(lease_s, clock)
        self.crowds = Crowds(clock)
        self._rooms = Rooms()
        self._last_app = _NOBODY

    def claim(self, cursor: Cursor, epoch: int, room: int) -> list[Claimed]:
        """Claim up to `room` due deliveries for `epoch`; record the attempts that other claims of them have lost."""
        self.low_water.prepare(cursor)
        self.crowds.prepare(cursor)
        self._rooms = self.caps.rooms(cursor, self.low_water.marks[1])
        found = self._claim(cursor, epoch, room)
        if _share_was_short(found, room):
            found += self._claim(cursor, epoch, room - len(found))
        rows = [row for row, _, _ in found]
        self.low_water.claimed(len(rows))
        _record_lost(cursor, [row for row in rows if row.lost_before])
        return rows

    def next_due_s(self, cursor: Cursor, epoch: int) -> float | None:
        """Seconds until there is something to claim, but for what has to wait for an end; None: there is nothing.

        To be asked after a claim that did not fill the room.
        """
        full = self._rooms.full()
        if full != (_NONE, _NONE):
            NEXT_DUE_BUT.execute(cursor, epoch, *self.low_water.marks, *self.crowds.arrays, *full)
        else:
            NEXT_DUE.execute(cursor, epoch, *self.low_water.marks, *self.crowds.arrays)
        row = cursor.fetchone()
        known = (None if row is None else row[0], self.low_water.doubtful_s)
        return min((seconds for seconds in known if seconds is not None), default=None)

    def _claim(self, cursor: Cursor, epoch: int, room: int) -> list[tuple[Claimed, int, int]]:
        """With the place in its app's share, and the size of that; by place, so that the apps take turns."""
        marks, rooms, started = self.low_water.marks, self._rooms.arrays(), self._clock()
        CLAIM.execute(cursor, room, epoch, self._lease_s, *marks, str(self._last_app), *rooms, *self.crowds.arrays)
        self.crowds.claimed(self._clock() - started)
        found = [self._found(epoch, row) for row in cursor.fetchall()]
        found.sort(key=lambda item: item[1])
        if found:
            self._last_app = found[-1][0].app_id
        return found

    def _found(self, epoch: int, row: Any) -> tuple[Claimed, int, int]:
        one = claimed(epoch, row)
        if self.caps:
            self._rooms.take(row[1], row[2])
            one.holds_back = one.holds_back or self.caps.concern(one.app_id, one.script_id)
        return one, row[21], row[22]


def _share_was_short(found: list[tuple[Claimed, int, int]], room: int) -> bool:
    """Some apps had less than their share, and others may have more."""
    if not found or len(found) >= room:
        return False
    share = max(each for _, _, each in found)
    return share < room and share in Counter(row.app_id for row, place, _ in found if place).values()


def _record_lost(cursor: Cursor, lost: list[Claimed]) -> None:
    if lost:
        arrays = ((uuid7() for _ in lost), (row.id for row in lost), (row.trace_id for row in lost))
        cursor.execute(RECORD_LOST, [msgspec.json.encode(LOST).decode(), *map(array_literal, arrays)])
