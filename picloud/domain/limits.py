"""Limits that an app or a script sets for its runs, below the instance's own."""

from collections.abc import Mapping
from typing import Any

from picloud.domain.errors import invalid

LEAST = {
    "cpu_ms": 10,
    "wall_ms": 10,
    "memory_bytes": 8 * 1024 * 1024,
    "output_bytes": 1024,
    "log_bytes": 1024,
    "concurrency": 1,
}
"""The limits that can be set, and how low. `concurrency`: deliveries that run at once, over all nodes."""

MOST = 2**40


def checked(limits: Mapping[str, Any]) -> dict[str, int]:
    """`limits` without those set to null. Raises Invalid with a pointer."""
    for name, value in limits.items():
        if name not in LEAST:
            raise invalid(f"/limits/{name}", f"is no limit; there are {', '.join(LEAST)}")
        number = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (number and LEAST[name] <= value < MOST):
            raise invalid(f"/limits/{name}", f"has to be a whole number from {LEAST[name]} to {MOST}")
    return {name: value for name, value in limits.items() if value is not None}
