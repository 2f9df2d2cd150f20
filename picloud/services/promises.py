"""Who commits a delivery promises the other nodes to claim it: should it hang before that, they look for themselves.

Told by NOTIFY with the commit, so that there is no moment between. In each transaction that would cost three quarters of
the commits (its lock is held over the wait for the disk); so one promise holds for all commits of a process in PROMISE_S.
"""

import time
from collections.abc import Callable

from picloud.models.node import LIVE_EPOCHS

CHANNEL = "picloud_promises"
"""NOTIFY channel, without a payload."""
PROMISE_S = 2.0
LOOK_S = 5.0
"""After a promise the others look so much later. What is left over is time for the last commit that it holds for."""

# Without others there is nobody to tell.
PROMISE = f"SELECT pg_notify('{CHANNEL}', '') WHERE (SELECT count(*) FROM ({LIVE_EPOCHS}) AS live) > 1"  # noqa: S608


class Promises:
    """Those of one process. Safe for threads: at worst two are made where one would do."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")

    def due(self) -> float | None:
        """Before a commit: until when a promise made with it would hold; None: there is one that holds."""
        now = self._clock()
        return now + PROMISE_S if now >= self._until else None

    def made(self, until: float) -> None:
        """After the commit."""
        self._until = until
