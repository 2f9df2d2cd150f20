"""Time zones, read into memory before a worker gives up the file system."""

import functools
import io
import os
import zoneinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["ZoneInfo", "ZoneInfoNotFoundError", "load", "names", "zone"]

_DATA: dict[str, bytes] = {}


def load() -> None:
    """Reads the system's time zone data (0.4 MB; half of the names are other names of the same zone)."""
    same: dict[bytes, bytes] = {}
    for key in sorted(zoneinfo.available_timezones()):
        for folder in zoneinfo.TZPATH:
            path = os.path.join(folder, key)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read()
                _DATA[key] = same.setdefault(data, data)
                break


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
