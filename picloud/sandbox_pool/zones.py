"""Time zones, read into memory before a worker gives up the file system."""

import functools
import io
import os
import zoneinfo
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["ZoneInfo", "ZoneInfoNotFoundError", "load", "names", "zone"]

_DATA: dict[str, bytes] = {}
_MAGIC = b"TZif"
_NOT_ZONES = {"posix", "right", "posixrules"}


def load() -> None:
    """Reads the system's time zone data (0.4 MB; half of the names are other names of the same zone)."""
    same: dict[bytes, bytes] = {}
    for key, path in _files():
        if key not in _DATA:
            with open(path, "rb") as file:
                data = file.read()
            if data.startswith(_MAGIC):
                _DATA[key] = same.setdefault(data, data)


def _files() -> Iterator[tuple[str, str]]:
    """(name, path) of each zone. (`zoneinfo.available_timezones` would import half a MB for it.)"""
    for top in zoneinfo.TZPATH:
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if folder != top or name not in _NOT_ZONES]
            for file in set(files) - _NOT_ZONES:
                path = os.path.join(folder, file)
                yield os.path.relpath(path, top), path


def names() -> frozenset[str]:
    return frozenset(_DATA)


def zone(key: str) -> ZoneInfo:
    """`zoneinfo.ZoneInfo(key)`. Raises ZoneInfoNotFoundError."""
    if type(key) is not str or key not in _DATA:
        raise ZoneInfoNotFoundError(f"no time zone found with key {key!r}")
    return _zone(key)


@functools.lru_cache(maxsize=64)
def _zone(key: str) -> ZoneInfo:
    return ZoneInfo.from_file(io.BytesIO(_DATA[key]), key=key)
