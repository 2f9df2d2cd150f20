from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.inbound.rfc3339 import to_utc


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("2026-11-22t10:00:00z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00+05:30", "2026-11-22T04:30:00Z"),
        ("2026-01-01T00:00:00+00:01", "2025-12-31T23:59:00Z"),
        ("2026-11-22T10:00:00-00:00", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00.5Z", "2026-11-22T10:00:00.500000Z"),
        ("2026-11-22T10:00:00.1234567899Z", "2026-11-22T10:00:00.123456Z"),
        ("2026-11-22T10:00:00.9999999-01:00", "2026-11-22T11:00:00.999999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("1998-12-31T15:59:60.25-08:00", "1999-01-01T00:00:00.250000Z"),
    ],
)
def test_any_offset_comes_to_utc(text: str, utc: str) -> None:
    assert to_utc(text) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-11-22 10:00:00Z",
        "2026-11-22T10:00Z",
        "2026-11-22T10:00:00+0100",
        "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00+01:60",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00,5Z",
        "2026-11-22T10:00:00Z\n",
        "2026-02-30T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:00:60Z",
        "2026-11-22T10:00:61Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "\u0662026-11-22T10:00:00Z",
        "Sun, 22 Nov 2026 10:00:00 +0000",
        "1795341600",
    ],
)
def test_what_is_no_point_in_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        to_utc(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(-60_000_000_000, 250_000_000_000), st.integers(0, 999_999), st.integers(-1439, 1439))
def test_reads_back_as_the_same_moment(second: int, microsecond: int, offset_minutes: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second, microseconds=microsecond)
    text = moment.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat()
    assert datetime.fromisoformat(to_utc(text)) == moment
