"""Starting PostgreSQL again, as often as it takes."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger("picloud.supervisor")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0


class Restarts:
    """`failed`: how often in a row. A full disk may last for days: so the log has the 1st, 2nd, 4th, 8th … of them."""

    def __init__(self, restart: Callable[[], None]) -> None:
        self._restart = restart
        self._next_at = 0.0
        self.failed = 0

    def pause_s(self) -> float:
        """Until the next is due."""
        return max(0.0, self._next_at - time.monotonic())

    def are_due(self) -> bool:
        return self.failed > 0 and self.pause_s() == 0

    def make(self) -> None:
        if not self.failed:
            log.error("PostgreSQL has ended; starting it again")
        try:
            self._restart()
        except Exception as error:
            self._note(error)
        else:
            log.info("PostgreSQL runs again", extra={"fields": {"failed": self.failed}})
            self.failed = 0

    def _note(self, error: Exception) -> None:
        self.failed += 1
        self._next_at = time.monotonic() + min(FIRST_PAUSE_S * self.failed, LONGEST_PAUSE_S)
        if self.failed & (self.failed - 1) == 0:
            fields = {"failed": self.failed}
            log.error("PostgreSQL does not start; trying again", exc_info=error, extra={"fields": fields})
