"""The main thread of `picloud serve`: it sleeps until a signal comes or a child ends, and acts on it.

Signal handlers do nothing; the number of the signal arrives on a descriptor and the loop acts.
"""

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable

log = logging.getLogger("picloud.supervisor")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
RESTART_PAUSE_S = 0.5


class Supervisor:
    """Must be made and run in the main thread."""

    def __init__(self) -> None:
        self._signals, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: None)

    def run(self, pidfd: Callable[[], int] | None, restart: Callable[[], None]) -> signal.Signals:
        """Until a stop signal, which is returned. When the process of `pidfd` has ended, `restart` is called."""
        while True:
            with selectors.DefaultSelector() as selector:
                selector.register(self._signals, selectors.EVENT_READ)
                if pidfd is not None:
                    selector.register(pidfd(), selectors.EVENT_READ)
                ready = {key.fd for key, _ in selector.select()}
            if self._signals in ready:
                for number in os.read(self._signals, 64):
                    if number in STOP_SIGNALS:
                        return signal.Signals(number)
            elif ready:
                self._restart(restart)

    def _restart(self, restart: Callable[[], None]) -> None:
        log.error("PostgreSQL has ended; starting it again")
        while True:
            try:
                return restart()
            except Exception:
                log.exception("PostgreSQL does not start; trying again")
                time.sleep(RESTART_PAUSE_S)
