"""What this node has claimed and not settled yet, and how much more it should take."""

from collections.abc import Iterable
from dataclasses import dataclass

from picloud.dispatcher.claim import Claimed

AHEAD_S = 0.1
"""So much work is claimed ahead of the workers. What waits here could be running on another node, or be cancelled."""
_FIRST_MEAN_S = 0.05
_MEMORY = 16
"""The mean run time forgets after about so many runs."""


@dataclass(slots=True)
class _Held:
    claimed: Claimed
    leased_at: float


class Hand:
    """Times are of the monotonic clock."""

    def __init__(self, *, workers: int, most: int) -> None:
        self._workers = workers
        self._most = most
        self._held: dict[tuple[str, int], _Held] = {}
        self._mean_s = _FIRST_MEAN_S

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, claimed: Claimed) -> bool:
        return claimed.key in self._held

    def target(self) -> int:
        """How many to hold: enough to keep all workers busy for AHEAD_S, by how long runs took of late."""
        return min(self._most, self._workers * (1 + int(AHEAD_S / self._mean_s)))

    def took(self, run_s: float) -> None:
        self._mean_s = max(1e-6, self._mean_s + (run_s - self._mean_s) / _MEMORY)

    def add(self, rows: Iterable[Claimed], now: float) -> None:
        self._held.update((row.key, _Held(row, now)) for row in rows)

    def remove(self, rows: Iterable[Claimed]) -> None:
        for row in rows:
            self._held.pop(row.key, None)

    def all(self) -> list[Claimed]:
        return [held.claimed for held in self._held.values()]

    def leased_before(self, moment: float) -> list[Claimed]:
        return [held.claimed for held in self._held.values() if held.leased_at <= moment]

    def oldest_lease(self) -> float | None:
        return min((held.leased_at for held in self._held.values()), default=None)

    def renewed(self, rows: Iterable[Claimed], now: float) -> None:
        for row in rows:
            if held := self._held.get(row.key):
                held.leased_at = now
