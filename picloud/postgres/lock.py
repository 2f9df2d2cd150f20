"""One owner per data folder: a lock that ends with its process, however that ends."""

import fcntl
import os
import time
from pathlib import Path

from picloud.postgres.errors import PostgresError

_PATIENCE_S = 3.0  # a command that started the server for itself is done soon
_RETRY_S = 0.05


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
        while not _try_lock(fd, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise self._refusal(fd)
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
        if self._fd is not None:
            return False
        try:
            fd = self._open(os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(fd, fcntl.LOCK_SH)  # shared: two that ask must not take each other for the owner
        finally:
            os.close(fd)

    def _open(self, flags: int) -> int:
        try:
            return os.open(self._path, flags | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise PostgresError(
                f"You may not open {self._path}. Run PiCloud as the owner of this data folder, or choose another one."
            ) from error

    def _refusal(self, fd: int) -> PostgresError:
        owner = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        return PostgresError(
            f"The data folder {self._path.parent} is in use by another PiCloud (process {owner}). "
            "Stop that one first, or choose another data folder."
        )


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
