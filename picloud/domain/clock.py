"""The one place that reads this machine's clock, for where the database's is not at hand."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
