"""The partitions of the days ahead."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, text

from picloud.dispatcher.upkeep import make_partitions, seconds_to_next_day
from tests.integration.conftest import World


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 11, 22, 0, 0, tzinfo=UTC), 300),
        (datetime(2026, 11, 22, 0, 5, tzinfo=UTC), 86_400),
        (datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), 301),
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), 12 * 3600 + 300),
        (datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=2))), 3600 + 300),
    ],
)
def test_the_day_begins_at_five_past_midnight_utc(now: datetime, seconds: float) -> None:
    assert seconds_to_next_day(now) == seconds


def last_day(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(
            connection.execute(text("SELECT max(relname) FROM pg_class WHERE relname ~ '^events_2.*[0-9]$'")).scalar()
        )


def test_missing_days_are_made(world: World) -> None:
    last = last_day(world.engine)
    world.change(f"DROP TABLE {last}")
    assert last_day(world.engine) < last
    assert 0 < make_partitions(world.engine) <= 86_400
    assert last_day(world.engine) == last


def test_a_lock_in_the_way_puts_it_off(world: World) -> None:
    last = last_day(world.engine)
    world.change(f"DROP TABLE {last}")
    with world.engine.begin() as connection:
        connection.execute(text("LOCK TABLE events IN SHARE MODE"))
        assert make_partitions(world.engine) == 600
    make_partitions(world.engine)
    assert last_day(world.engine) == last
