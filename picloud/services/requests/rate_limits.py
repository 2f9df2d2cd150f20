"""Token buckets in memory: a limit of this process, which costs no query."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from threading import Lock

MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """`remaining` requests may be sent at once; after `reset_s` all of `quota` may. `wait_s`: until the next, 0: now."""

    quota: int
    remaining: int
    reset_s: int
    wait_s: int


class TokenBuckets:
    """`per_minute` tokens for each name, refilled steadily. Thread-safe. The longest unused buckets are forgotten."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._rate_per_s = per_minute / 60
        self._clock = clock
        self._lock = Lock()
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __contains__(self, name: bytes) -> bool:
        return name in self._buckets

    def take(self, name: bytes) -> Standing:
        """Take one token, if there is one."""
        return self._take(name, 1.0)

    def look(self, name: bytes) -> Standing:
        """As it stands, without taking any."""
        return self._take(name, 0.0)

    def _take(self, name: bytes, wanted: float) -> Standing:
        with self._lock:
            now = self._clock()
            tokens, since = self._buckets.pop(name, (float(self.per_minute), now))
            tokens = min(self.per_minute, tokens + (now - since) * self._rate_per_s)
            empty = tokens < 1.0
            if not empty:
                tokens -= wanted
            if wanted or tokens < self.per_minute:
                self._buckets[name] = (tokens, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        missing = self.per_minute - tokens
        wait_s = max(1, ceil((1.0 - tokens) / self._rate_per_s)) if empty else 0
        return Standing(self.per_minute, int(tokens), ceil(missing / self._rate_per_s), wait_s)
