"""Lets who caused deliveries wait for the ends of their first attempts, within one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from uuid import UUID


class Completions:
    """The dispatcher calls `ended`; whoever waits has a `waiter`."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._expected: dict[UUID, bool | None] = {}

    @contextmanager
    def waiter(self) -> Iterator["Waiter"]:
        """What it expects is forgotten at the end of the block, whatever ends it."""
        waiter = Waiter(self)
        try:
            yield waiter
        finally:
            with self._changed:
                for delivery_id in waiter.expected:
                    self._expected.pop(delivery_id, None)

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
        """Whether it was delivered within `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._expected.get(delivery_id) is not None, timeout_s)
            return bool(self._expected.get(delivery_id))

    @property
    def waiting(self) -> int:
        """How many deliveries somebody waits for."""
        return len(self._expected)


class Waiter:
    """`expect` a delivery before it is committed, `wait` for it after."""

    def __init__(self, completions: Completions) -> None:
        self._completions = completions
        self.expected: list[UUID] = []

    def expect(self, delivery_id: UUID) -> None:
        self.expected.append(delivery_id)
        self._completions.expect(delivery_id)

    def wait(self, delivery_id: UUID, timeout_s: float) -> bool:
        """Whether it is one of those expected, and was delivered within `timeout_s`."""
        return delivery_id in self.expected and self._completions.wait(delivery_id, timeout_s)
