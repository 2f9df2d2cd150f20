"""Disk, backups, and who may read what."""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from picloud.checkup.finding import Finding, broken, ok, warning
from picloud.services.backup.backups import SUFFIX

DISK_WARNING_SHARE, DISK_BROKEN_SHARE = 0.10, 0.03
BACKUP_WARNING_S = 3 * 86_400
OPEN_TO_OTHERS = stat.S_IRWXO | stat.S_IWGRP


def files(data_dir: Path, private: tuple[Path, ...]) -> Iterator[Finding]:
    """`private`: files that no other user may read or write."""
    if data_dir.is_dir():
        yield _disk(data_dir)
        yield _backups(data_dir / "backups")
    for path in private:
        if path.exists():
            yield _mode(path)


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    free = usage.free / usage.total
    said = f"{usage.free // 2**20} MiB free ({free:.0%}) under {folder}"
    remedy = "free some space, or lower the retention settings"
    if free < DISK_BROKEN_SHARE:
        return broken("disk", said, remedy)
    return warning("disk", said, remedy) if free < DISK_WARNING_SHARE else ok("disk", said)


def _backups(folder: Path) -> Finding:
    try:
        times = [entry.stat().st_mtime for entry in os.scandir(folder) if entry.name.endswith(SUFFIX)]
    except FileNotFoundError:
        times = []
    except PermissionError:
        return warning("backups", f"{folder} can't be read by this user", "run doctor as root")
    if not times:
        return warning("backups", f"none in {folder}", "picloud backup")
    age_s = time.time() - max(times)
    said = f"{len(times)} in {folder}, the newest {age_s / 3600:.0f} h old"
    return warning("backups", said, "picloud backup") if age_s > BACKUP_WARNING_S else ok("backups", said)


def _mode(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & OPEN_TO_OTHERS:
        return broken("file modes", f"{path} has the mode {mode:04o}: others may use it", f"chmod o=,g-w {path}")
    return ok("file modes", f"{path} has the mode {mode:04o}")
