"""The end of a call's time. Every wait asks for what is left, so that a server that drips bytes gains nothing."""

import time
from dataclasses import dataclass

from picloud.outbound.errors import OutboundFailed


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at_s` is a moment of `time.monotonic()`."""

    at_s: float

    def left_s(self) -> float:
        """Always above 0. Raises OutboundFailed when nothing is left."""
        left_s = self.at_s - time.monotonic()
        if left_s <= 0:
            raise timed_out()
        return left_s


def timed_out() -> OutboundFailed:
    return OutboundFailed("the answer did not come within the time that the call has", "TimeoutError")
