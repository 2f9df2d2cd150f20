"""Lets who caused a delivery wait for the end of its first attempt, within one process."""

from threading import Condition
from uuid import UUID


class Completions:
    """`expect` before the delivery is committed, `wait` after; the dispatcher calls `ended`."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._expected: dict[UUID, bool | None] = {}

    def expect(self, delivery_id: UUID) -> None:
        with self._changed:
            self._expected[delivery_id] = None

    def ended(self, delivery_id: UUID, ok: bool) -> None:
        """The first attempt has ended and its end is committed. Nothing happens where nobody waits."""
        with self._changed:
            if delivery_id in self._expected:
                self._expected[delivery_id] = ok
                self._changed.notify_all()

    def wait(self, delivery_id: UUID, timeout_s: float) -> bool:
        """Whether it was delivered within `timeout_s`. Forgets the delivery."""
        with self._changed:
            self._changed.wait_for(lambda: self._expected.get(delivery_id) is not None, timeout_s)
            return bool(self._expected.pop(delivery_id, None))
