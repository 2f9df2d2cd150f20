"""Where the claims' scans begin: below, nothing alive is known.

A snapshot that somebody holds for long keeps the index entries of all deliveries that have ended since, and a scan from the
start visits each (50,000 of them: 20 ms). So the lowest live entries are remembered. A transaction may commit a delivery
below them, due since its own beginning: so they are used only where that visit takes long, and looked for from the
start again after a while.
"""

import time
from collections.abc import Callable

from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.claim_sql import LOWEST

EVERY_ROWS = 1_000
"""They are looked for after so many claims."""
WORTH_S = 0.003
"""A look from the start that takes less shows that nothing is in the way."""
LATE_S = 1.0
SHARE = 50
"""What has appeared below is found after LATE_S, or SHARE times what the look takes."""
_START = "-infinity"


class LowWater:
    """`marks`: below which nothing waits and nothing is held. Timestamps as PostgreSQL spells them."""

    def __init__(self, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.marks = (_START, _START)
        self._lease_s = lease_s
        self._clock = clock
        self._claims = 0
        self._again_at = 0.0
        self._in_use = False

    def prepare(self, cursor: Cursor) -> None:
        """Before a claim: look, if it is time to."""
        above = self.marks != (_START, _START)
        if above and self._clock() >= self._again_at:
            self._look_from_start(cursor)
        elif self._claims >= EVERY_ROWS:
            if above:
                self._look(cursor, self.marks)
            else:
                self._look_from_start(cursor)
        else:
            self._in_use = above

    def claimed(self, rows: int) -> None:
        self._claims += rows

    @property
    def doubtful_s(self) -> float | None:
        """Seconds until a claim looks from the start; None where the last one did, or had no marks."""
        return self._again_at - self._clock() if self._in_use else None

    def forget(self) -> None:
        """Claims begin at the start again."""
        self.marks = (_START, _START)
        self._in_use = False

    def _look_from_start(self, cursor: Cursor) -> None:
        started = self._clock()
        self._look(cursor, (_START, _START))
        ended = self._clock()
        self._again_at = ended + max(LATE_S, SHARE * (ended - started))
        self._in_use = False
        if ended - started < WORTH_S:
            self.forget()

    def _look(self, cursor: Cursor, marks: tuple[str, str]) -> None:
        LOWEST.execute(cursor, *marks, self._lease_s / 2)
        row = cursor.fetchone()
        assert row is not None
        self.marks = (row[0], row[1])
        self._claims = 0
