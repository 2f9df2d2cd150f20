"""Points in time as RFC 3339 spells them, with any offset, brought to UTC."""

import re
from datetime import UTC, datetime, timedelta

_HOUR_MINUTE = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_DATE_TIME = re.compile(
    rf"(?P<date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[Tt](?P<time>{_HOUR_MINUTE}):(?P<second>[0-5][0-9]|60)"
    rf"(?:\.(?P<fraction>[0-9]+))?(?P<offset>[Zz]|[+-]{_HOUR_MINUTE})"
)


def to_utc(text: str) -> str:
    """`text` in UTC with `Z`; microseconds stay where they are not 0, finer digits are dropped.

    A leap second (23:59:60 UTC) becomes the second after it. ValueError for all else that is not a date-time of
    RFC 3339 5.6, and for what lies outside the years 1 to 9999.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 date-time")
    leap = match["second"] == "60"
    second = "59" if leap else match["second"]
    try:
        moment = datetime.fromisoformat(f"{match['date']}T{match['time']}:{second}{match['offset'].upper()}")
        moment = moment.astimezone(UTC)
        if leap and (moment.hour, moment.minute) != (23, 59):
            raise ValueError("a leap second stands only at 23:59:60 UTC")
        moment += timedelta(seconds=leap)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None
    microsecond = int((match["fraction"] or "").ljust(6, "0")[:6])
    return moment.replace(microsecond=microsecond).isoformat().replace("+00:00", "Z")


def from_unix(seconds: float) -> str:
    """Unix time, of the years 1970 to 9999, in UTC with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
