"""What we tell systemd: sd_notify(3), over the socket that it names. Says nothing where there is none."""

import logging
import os
import socket
from collections.abc import Callable, Mapping

from picloud.cli.supervisor import Watchdog

log = logging.getLogger("picloud.serve")


class ServiceManager:
    """`watchdog_s`: within how long systemd wants a sign of life; None: it doesn't."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        limit_us = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(limit_us) / 1e6 if self._address and for_us and limit_us.isdigit() else None

    def ready(self, status: str) -> None:
        self._say(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def alive(self) -> None:
        self._say("WATCHDOG=1")

    def watchdog(self, responds: Callable[[float], bool]) -> Watchdog | None:
        """A sign of life three times as often as systemd wants it, as long as the loop of the server turns. None: unwanted."""
        if self.watchdog_s is None:
            return None
        every_s = self.watchdog_s / 3

        def beat() -> None:
            if responds(every_s):
                self.alive()
            else:
                log.error("the server's loop does not turn")

        return Watchdog(every_s, beat)

    def _say(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.sendto(text.encode(), address)
