"""Bounds how many large bodies are in memory at once: each costs several times its size until it is committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from picloud.domain.errors import Unavailable

LARGE_BYTES = 1024 * 1024
AT_ONCE = 2
_WAIT_S = 2.0


class LargeBodies:
    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = BoundedSemaphore(at_once)

    @contextmanager
    def admitted(self, body_bytes: int) -> Iterator[None]:
        """Hold a place for the block, where the body is large. Raises Unavailable when none gets free in time."""
        if body_bytes <= LARGE_BYTES:
            yield
            return
        if not self._free.acquire(timeout=_WAIT_S):
            raise Unavailable("Other large mails are being taken in.", code="busy")
        try:
            yield
        finally:
            self._free.release()
