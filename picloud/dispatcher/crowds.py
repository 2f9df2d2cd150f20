"""Order keys with many deliveries: all but the first of each has to wait, and to see that for each takes a claim too long.

18,000 of one key made a claim 300 times as long. So the crowded keys are remembered once a claim has taken long: of each only
the first is asked about, the others are passed over, at a twelfth of the price. What is remembered decides nothing else.
"""

import time
from collections.abc import Callable

from psycopg2.extensions import cursor as Cursor

from picloud.services.array_literal import array_literal

CROWD = 100
MOST = 50
SLOW_S = 0.005
"""A claim that takes less has nothing in its way."""
AGAIN_S = 1.0
SHARE = 50
"""They are looked for at most each AGAIN_S, or SHARE times what the look takes."""
_LOOK = f"""
    SELECT trigger_id::text, order_key FROM outbox WHERE order_key IS NOT NULL
    GROUP BY trigger_id, order_key HAVING count(*) >= {CROWD} ORDER BY count(*) DESC LIMIT {MOST}
"""  # noqa: S608


class Crowds:
    """`arrays`: triggers and keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.arrays = _arrays([])
        self._clock = clock
        self._slow = False
        self._again_at = 0.0

    def prepare(self, cursor: Cursor) -> None:
        """Before a claim: look, if there is reason to and it is time."""
        started = self._clock()
        if started < self._again_at or not (self._slow or self.arrays != _arrays([])):
            return
        cursor.execute(_LOOK)
        self.arrays = _arrays(cursor.fetchall())
        self._slow = False
        ended = self._clock()
        self._again_at = ended + max(AGAIN_S, SHARE * (ended - started))

    def claimed(self, took_s: float) -> None:
        self._slow = self._slow or took_s > SLOW_S


def _arrays(keys: list[tuple[str, str]]) -> tuple[str, str]:
    return array_literal(trigger_id for trigger_id, _ in keys), array_literal(key for _, key in keys)
