import re
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.domain import cron, globs
from picloud.domain.errors import Invalid


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab*", max_size=10))
def test_globs_match_as_fnmatch_does(glob: str, name: str) -> None:
    assert globs.matches(glob, name) == bool(re.fullmatch(translate(glob), name))


@pytest.mark.parametrize(
    ("glob", "name", "matched"),
    [("*", "", True), ("a[b]*", "a[b]c", True), ("a[b]", "ab", False), ("orders/*", "orders/1/x", True)],
)
def test_only_star_and_question_mark_are_special(glob: str, name: str, matched: bool) -> None:
    assert globs.matches(glob, name) is matched


@pytest.mark.timeout(60)
def test_many_stars_cost_no_time() -> None:
    assert not globs.matches("*a" * 200 + "b", "a" * 512)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(schedule: str, zone: str, after: str, count: int = 3) -> list[str]:
    return [f"{moment:%m-%d %H:%M}" for moment in cron.next_times(schedule, zone, at(after), count)]


def test_schedules() -> None:
    assert times("*/20 * * * *", "UTC", "2026-11-22T10:01") == ["11-22 10:20", "11-22 10:40", "11-22 11:00"]
    assert times("@daily", "America/New_York", "2026-11-22T10:00", 1) == ["11-23 05:00"]


def test_daylight_saving_neither_loses_nor_doubles_a_daily_time() -> None:
    # In Berlin 02:30 does not exist on 2026-03-29, and exists twice on 2026-10-25.
    assert times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00") == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]
    assert times("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00") == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize(
    ("schedule", "zone", "pointer"),
    [
        ("", "UTC", "/schedule"),
        ("* * * *", "UTC", "/schedule"),
        ("61 * * * *", "UTC", "/schedule"),
        ("0 0 31 2 *", "UTC", "/schedule"),
        ("* * * * * *", "UTC", "/schedule"),
        ("@sometimes", "UTC", "/schedule"),
        ("*" * 300, "UTC", "/schedule"),
        ("* * * * *", "Mars/Olympus", "/timezone"),
        ("* * * * *", "../etc/passwd", "/timezone"),
        ("* * * * *", "", "/timezone"),
        ("* * * * *", "localtime", "/timezone"),
        ("* * * * *", "posixrules", "/timezone"),
        ("* * * * *", "Factory", "/timezone"),
        ("* * * * *", "right/UTC", "/timezone"),
        ("* * * * *", "posix/Europe/Berlin", "/timezone"),
        ("* * * * *", "Europe", "/timezone"),
        ("* * * * *", "UTC+1", "/timezone"),
    ],
)
def test_bad_schedules_name_their_field(schedule: str, zone: str, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        cron.check(schedule, zone)
    assert caught.value.errors[0].pointer == pointer


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "US/Eastern", "Etc/GMT+5", "America/Argentina/Ushuaia"])
def test_zones_and_links_to_them_are_taken(zone: str) -> None:
    cron.check("@daily", zone)


def test_a_zone_that_is_nearly_right_is_told() -> None:
    with pytest.raises(Invalid, match="'America/New_York' is one"):
        cron.check("@daily", "america/new york")


@given(st.text(max_size=20), st.text(max_size=20))
def test_nothing_but_invalid_comes_out(schedule: str, zone: str) -> None:
    with suppress(Invalid):
        cron.check(schedule, zone)
        assert cron.next_time(schedule, zone, at("2026-01-01T00:00")) is not None
