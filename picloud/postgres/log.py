"""What the server says on stderr, passed to `logging`. A blocked read: no wake-ups while it is quiet."""

import logging
import re
import threading
from collections import deque
from typing import IO

logger = logging.getLogger("picloud.postgres")

_LINE_LIMIT_BYTES = 2000
_KEPT_LINES = 10
_LINE = re.compile(r"(?P<severity>[A-Z]+\d?):  ?(?P<text>.*)", re.DOTALL)
_LEVELS = {
    "WARNING": logging.WARNING,
    "ERROR": logging.WARNING,
    "FATAL": logging.WARNING,
    "PANIC": logging.ERROR,
}


class ServerLog(threading.Thread):
    """Reads until the last process of the server is gone. Warnings and worse are logged, the rest at DEBUG."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(name="postgres-log", daemon=True)
        self._stream = stream
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self.audible = False

    def run(self) -> None:
        with self._stream:
            while raw := self._stream.readline(_LINE_LIMIT_BYTES):
                self._take(raw.decode("utf-8", "replace").rstrip())

    def tail(self) -> str:
        """The last lines, once the server is gone: for error messages."""
        self.join(timeout=1)
        return " / ".join(self._kept)

    def _take(self, line: str) -> None:
        match = _LINE.match(line)
        level = _LEVELS.get(match["severity"], logging.DEBUG) if match else logging.DEBUG
        self._kept.append(line)
        logger.log(level if self.audible else logging.DEBUG, "%s", line)
