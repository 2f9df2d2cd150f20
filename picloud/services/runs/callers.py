"""How many callers may wait for handlers at the same time, so that threads are left for everything else."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from picloud.domain.errors import Unavailable

KEPT_FREE = 1 / 3
"""The share of the web server's threads that no call of a handler takes: mail, administration and health go on."""


class Callers:
    def __init__(self, web_threads: int) -> None:
        self._seats = BoundedSemaphore(max(1, int(web_threads * (1 - KEPT_FREE))))

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Raises Unavailable at once when all are taken: waiting would take a thread as well."""
        if not self._seats.acquire(blocking=False):
            raise Unavailable("Too many calls wait for handlers.", retry_after_s=1, code="too_many_calls")
        try:
            yield
        finally:
            self._seats.release()
