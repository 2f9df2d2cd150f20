"""How many callers may wait for handlers at the same time. Each has a thread of the web server; the others are for the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from picloud.domain.errors import Unavailable


class Callers:
    def __init__(self, most: int) -> None:
        self._seats = BoundedSemaphore(max(1, most))

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Raises Unavailable at once when all are taken: waiting would take a thread as well."""
        if not self._seats.acquire(blocking=False):
            raise Unavailable("Too many calls wait for handlers.", retry_after_s=1, code="too_many_calls")
        try:
            yield
        finally:
            self._seats.release()
