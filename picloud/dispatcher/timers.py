"""The moments at which the loop has to do something without being told."""

from enum import Enum, auto


class Timer(Enum):
    DUE = auto()
    """A delivery becomes due."""
    SETTLE = auto()
    """What has ended has waited long enough for company in its commit."""
    RENEW = auto()
    """Leases have to be renewed."""
    ANNOUNCE = auto()
    """Other nodes have to hear of new deliveries."""
    PROMISED = auto()
    """What another node has committed is claimed by it, or it hangs."""
    AGAIN = auto()
    """What another node has announced is claimed by it for sure, or its lease has ended."""
    RECOVER = auto()
    """Who has not come back by now is gone; the nodes may be others."""
    CRON = auto()
    """A cron trigger is due, or may be."""
    STOP = auto()
    """What still runs is given back."""


class Timers:
    """Each timer is set or not. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self._at: dict[Timer, float] = {}

    def set(self, timer: Timer, at: float | None) -> None:
        """None: not at all."""
        if at is None:
            self._at.pop(timer, None)
        else:
            self._at[timer] = at

    def set_earlier(self, timer: Timer, at: float) -> None:
        """Set it, unless it will go off before."""
        self._at[timer] = min(at, self._at.get(timer, at))

    def ahead(self, timer: Timer, now: float) -> bool:
        """Whether it is set and has not gone off."""
        return self._at.get(timer, now) > now

    def went_off(self, timer: Timer, now: float) -> bool:
        """Whether it was set and has gone off; if so it is set no more."""
        if self._at.get(timer, now + 1) > now:
            return False
        del self._at[timer]
        return True

    def is_over(self, timer: Timer, now: float) -> bool:
        """Whether it has gone off; it stays set."""
        return self._at.get(timer, now + 1) <= now

    def soonest(self) -> float | None:
        return min(self._at.values(), default=None)
