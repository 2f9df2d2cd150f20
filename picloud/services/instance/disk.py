"""Keeps the disk from running full: what would store more is refused while PostgreSQL still has room to work.

Deliveries that wait go on, and retention too: both make room.
"""

import os
import time
from pathlib import Path

from picloud.domain.errors import StorageFull
from picloud.settings import Settings

LOOK_S = 2.0
"""It is looked when somebody asks, but not more often than this."""
_MIB = 1024 * 1024


class DiskGuard:
    """Thread-safe. `folder` None: nothing is watched, as where PostgreSQL is on another machine."""

    def __init__(self, folder: Path | None, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._shortage = ""
        self._look_at = 0.0

    @classmethod
    def of(cls, settings: Settings) -> "DiskGuard":
        own_postgres = not settings.database_url
        return cls(settings.disk_folder or (settings.data_dir if own_postgres else None), settings.disk_reserve_bytes)

    def admit(self) -> None:
        """Before more is stored. Raises StorageFull."""
        if shortage := self.shortage():
            raise StorageFull(shortage)

    def shortage(self) -> str:
        """What there is too little of; empty where there is enough, or nobody can tell."""
        if self._folder is not None and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_S
            self._shortage = self._look(self._folder)
        return self._shortage

    def _look(self, folder: Path) -> str:
        try:
            found = os.statvfs(folder)
        except OSError:
            return ""
        free_bytes = found.f_bavail * found.f_frsize  # what who is not root may use
        if free_bytes >= self._reserve_bytes:
            return ""
        return (
            f"The disk of {folder} has {free_bytes // _MIB} MiB free; {self._reserve_bytes // _MIB} MiB are kept in reserve "
            "(disk_reserve_bytes). Nothing new is stored until there is room again."
        )
