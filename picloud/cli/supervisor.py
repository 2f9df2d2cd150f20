"""The main thread of `picloud serve`: it sleeps until a signal comes or PostgreSQL ends, and acts on it.

Signal handlers do nothing; the number of the signal arrives on a descriptor and the loop acts.
"""

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("picloud.supervisor")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
RESTART_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Watchdog:
    """`beat` is called each `every_s`."""

    every_s: float
    beat: Callable[[], None]


class Supervisor:
    """Must be made and run in the main thread."""

    def __init__(self) -> None:
        self._signals, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: None)

    def run(
        self, pidfd: Callable[[], int] | None, restart: Callable[[], None], watchdog: Watchdog | None = None
    ) -> signal.Signals:
        """Until a stop signal, which is returned. When the process of `pidfd` has ended, `restart` is called.

        While `restart` fails it is called again each RESTART_PAUSE_S. Without a `watchdog` it sleeps till something comes.
        """
        failing, next_beat = False, time.monotonic()
        while True:
            if watchdog is not None and time.monotonic() >= next_beat:
                watchdog.beat()
                next_beat = time.monotonic() + watchdog.every_s
            watched = [self._signals] if failing or pidfd is None else [self._signals, pidfd()]
            pauses = [RESTART_PAUSE_S] if failing else []
            pauses += [max(0.0, next_beat - time.monotonic())] if watchdog else []
            ready, _, _ = select.select(watched, [], [], min(pauses, default=None))
            if self._signals in ready:
                stop = self._stop_signal()
                if stop is not None:
                    return stop
            elif ready or failing:
                failing = not _restarted(restart)

    def _stop_signal(self) -> signal.Signals | None:
        return next((signal.Signals(number) for number in os.read(self._signals, 64) if number in STOP_SIGNALS), None)


def _restarted(restart: Callable[[], None]) -> bool:
    log.error("PostgreSQL has ended; starting it again")
    try:
        restart()
    except Exception:
        log.exception("PostgreSQL does not start; trying again")
        return False
    return True
