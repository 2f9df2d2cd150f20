"""One owner per data folder: a lock that ends with its process, however that ends."""

import fcntl
import os
import time
from pathlib import Path

from picloud.postgres.errors import PostgresError

_PATIENCE_S = 3.0  # a command that started the server for itself is done soon
_RETRY_S = 0.1


class OwnerLock:
    """flock on a file that holds the owner's process id, for the error message of others."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self) -> None:
        """Raises PostgresError when another process keeps the lock. Does nothing when we hold it."""
        if self._fd is not None:
            return
        fd = self._open(os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + _PATIENCE_S
        while not _try_lock(fd):
            if time.monotonic() > deadline:
                owner = os.read(fd, 20).decode("ascii", "replace").strip()
                os.close(fd)
                raise PostgresError(
                    f"The data folder {self._path.parent} is in use by another PiCloud (process {owner or 'unknown'}). "
                    "Stop that one first, or choose another data folder."
                )
            time.sleep(_RETRY_S)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def held_elsewhere(self) -> bool:
        """Whether another process is the owner."""
        if self._fd is not None or not self._path.exists():
            return False
        fd = self._open(os.O_RDWR)
        try:
            return not _try_lock(fd)
        finally:
            os.close(fd)

    def _open(self, flags: int) -> int:
        try:
            return os.open(self._path, flags | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PostgresError(
                f"{self._path} can't be opened: {error.strerror}. Run PiCloud as the owner of this data folder."
            ) from error


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
