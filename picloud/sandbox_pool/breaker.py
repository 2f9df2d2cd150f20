"""A breaker per script: one that keeps killing its workers is made to wait, so that forks are left for the others."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

KILLS = 5
WITHIN_S = 60.0
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
MAX_KEPT = 10_000

Key = tuple[str, str, str]
"""(app, code key, entry script): a new version starts with a clean record."""


@dataclass(slots=True)
class _Record:
    kills: list[float] = field(default_factory=list)
    pause_s: float = FIRST_PAUSE_S
    open_until: float = 0.0


class Breaker:
    """Thread-safe. After 5 kills in 60 s it opens: for 5 s, then twice as long each time, up to a minute, until a run
    ends without a kill. Times are of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: OrderedDict[Key, _Record] = OrderedDict()

    def wait_s(self, key: Key, now: float) -> float:
        """For how long a run must wait; 0 where it may start."""
        record = self._records.get(key)
        return max(0.0, record.open_until - now) if record is not None else 0.0

    def held_back(self) -> int:
        """How many have been paused and not ended a run well since."""
        with self._lock:
            return sum(record.open_until > 0 for record in self._records.values())

    def survived(self, key: Key) -> None:
        if key in self._records:
            with self._lock:
                self._records.pop(key, None)

    def killed(self, key: Key, now: float) -> None:
        with self._lock:
            record = self._records.setdefault(key, _Record())
            self._records.move_to_end(key)
            record.kills = [when for when in record.kills if now - when < WITHIN_S] + [now]
            if len(record.kills) >= KILLS:
                record.open_until = now + record.pause_s
                record.pause_s = min(record.pause_s * 2, LONGEST_PAUSE_S)
            while len(self._records) > MAX_KEPT:
                self._records.popitem(last=False)
