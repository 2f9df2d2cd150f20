"""Schedules: five fields or `@daily` and its like, in a time zone, as Debian's cron reads them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from picloud.domain.errors import invalid

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
SCHEDULE_MAX_CHARS = 200
_WORDS = (("on Monday through Friday", "every weekday"), (" and on ", " or on "))
"""What CronSim says, and what we say. A day of the month and one of the week are either, not both."""
_NO_ZONES = frozenset({"localtime", "Factory"})
"""The machine's own zone, which may change, and the one that means that none is set."""


class Missed(StrEnum):
    """What happens with times that passed while nothing ran: once for all of them, or not at all."""

    RUN_ONCE = "run_once"
    SKIP = "skip"


class Overlap(StrEnum):
    """What happens while the last run of the same trigger waits or runs: not now, after it, or beside it."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


def check(schedule: str, timezone: str) -> None:
    """Raises Invalid."""
    _check_zone(timezone)
    next(_after(schedule, timezone, datetime.now(UTC)), None)


def next_time(schedule: str, timezone: str, after: datetime) -> datetime | None:
    """The first time after `after`, in UTC; None where there is none within 50 years. Raises Invalid."""
    return next(_after(schedule, timezone, after), None)


def next_times(schedule: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The first `count` times after `after`, in UTC. Raises Invalid."""
    return list(islice(_after(schedule, timezone, after), count))


def in_words(schedule: str, timezone: str) -> str:
    """The schedule as one would say it: `At 09:30 every weekday, Europe/Berlin`. Raises Invalid."""
    said = _simulated(schedule, timezone, datetime.now(UTC)).explain()
    for theirs, ours in _WORDS:
        said = said.replace(theirs, ours)
    return f"{said}, {timezone}"


def _after(schedule: str, timezone: str, after: datetime) -> Iterator[datetime]:
    return (moment.astimezone(UTC) for moment in _simulated(schedule, timezone, after))


def _simulated(schedule: str, timezone: str, after: datetime) -> CronSim:
    if len(schedule) > SCHEDULE_MAX_CHARS:
        raise invalid("/schedule", f"has more than {SCHEDULE_MAX_CHARS} characters")
    fields = ALIASES.get(schedule.strip().lower(), schedule)
    if len(fields.split()) != 5:
        known = ", ".join(ALIASES)
        raise invalid("/schedule", f"has to have five fields, such as `*/5 * * * *`, or to be one of {known}")
    try:
        return CronSim(fields, after.astimezone(_zone(timezone)))
    except CronSimError as error:
        raise invalid("/schedule", f"can't be read: {error}") from None


def _check_zone(name: str) -> None:
    """Files beside the zones can be read like one: `localtime`, `posixrules`, `right/UTC`."""
    known = available_timezones() - _NO_ZONES
    if name not in known:
        near = next((zone for zone in sorted(known) if zone.lower() == name.strip().lower().replace(" ", "_")), None)
        meant = f"; {near!r} is one" if near else ", such as Europe/Berlin or UTC"
        raise invalid("/timezone", f"{name[:100]!r} is no IANA time zone{meant}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise invalid("/timezone", f"{name!r} is a time zone that this machine does not have") from None
