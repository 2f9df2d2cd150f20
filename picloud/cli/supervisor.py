"""The main thread of `picloud serve`: it sleeps until a signal comes or PostgreSQL ends, and acts on it.

Signal handlers do nothing; the number of the signal arrives on a descriptor and the loop acts.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from picloud.cli.restarts import Restarts

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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

        While `restart` fails it is called again, soon at first. Without a `watchdog` it sleeps till something comes.
        """
        restarts, next_beat = Restarts(restart), time.monotonic()
        while True:
            if watchdog is not None and time.monotonic() >= next_beat:
                watchdog.beat()
                next_beat = time.monotonic() + watchdog.every_s
            watched = [self._signals] if restarts.failed or pidfd is None else [self._signals, pidfd()]
            pauses = [restarts.pause_s()] if restarts.failed else []
            pauses += [max(0.0, next_beat - time.monotonic())] if watchdog else []
            ready, _, _ = select.select(watched, [], [], min(pauses, default=None))
            if self._signals in ready:
                stop = self._stop_signal()
                if stop is not None:
                    return stop
            elif ready or restarts.are_due():
                restarts.make()

    def _stop_signal(self) -> signal.Signals | None:
        return next((signal.Signals(number) for number in os.read(self._signals, 64) if number in STOP_SIGNALS), None)
