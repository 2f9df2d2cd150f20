"""How a thread that has committed work tells the dispatcher's thread, which sleeps in `select()`."""

import os
from contextlib import suppress


class Wakeup:
    """A file descriptor that is readable from `notify` until `drain`. An eventfd: any number of notifies are one."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def notify(self) -> None:
        """Wake the sleeper. Never blocks; any thread may call it."""
        with suppress(BlockingIOError):
            os.eventfd_write(self._fd, 1)

    def drain(self) -> bool:
        """Whether there was a notify since the last drain."""
        try:
            return os.eventfd_read(self._fd) > 0
        except BlockingIOError:
            return False

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        os.close(self._fd)
