"""States of a delivery and the retry policy.

ready ──claim──► running ──ok──────────────► delivered
  ▲                 │ ──failed, again──────► retrying ──claim──► running
  │                 └─ failed for good ────► dead ──replay──► ready
  └── cancel (from ready, retrying) ───────► cancelled
"""

from dataclasses import dataclass
from enum import StrEnum

from picloud.domain.errors import Invalid


class DeliveryState(StrEnum):
    """`ready`, `running`, `retrying` are rows of the outbox; the others have left it."""

    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


LIVE_STATES = (DeliveryState.READY, DeliveryState.RUNNING, DeliveryState.RETRYING)

MAX_DEPTH = 16
"""An event caused by more than so many others in a row is refused: a loop."""


def check_depth(depth: int) -> None:
    """Raises Invalid for an event that ends too long a chain."""
    if depth > MAX_DEPTH:
        raise Invalid(f"The event would be number {depth} in a row that cause each other; {MAX_DEPTH} may.")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast a delivery is tried."""

    max_attempts: int
    backoff_base_s: float
    backoff_cap_s: float
    timeout_s: float

    def delay_s(self, attempt: int, chance: float) -> float:
        """Seconds to wait after the failed `attempt` (from 1). `chance` in [0, 1) spreads it to 50-100 %."""
        exponent = min(attempt - 1, 62)
        return float(min(self.backoff_cap_s, self.backoff_base_s * 2**exponent) * (0.5 + chance / 2))
