"""When the upkeep is done, and that nothing waits for it."""

import time
from datetime import UTC, datetime, timedelta, timezone
from threading import Event

import pytest
from sqlalchemy import Engine, text

from picloud.dispatcher import upkeep
from picloud.dispatcher.upkeep import Upkeep, do_round, seconds_to_next_day
from picloud.settings import Settings
from tests.integration.conftest import PATIENCE_S, World


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


def without_the_last_day(world: World) -> str:
    """That day. Midnight may have been since the last round, and may come at any moment."""
    assert do_round(world.engine, world.settings)
    last = last_day(world.engine)
    world.change(f"DROP TABLE {last}")
    assert last_day(world.engine) < last
    return last


def test_missing_days_are_made(world: World) -> None:
    last = without_the_last_day(world)
    assert do_round(world.engine, world.settings)
    assert last_day(world.engine) >= last


def test_a_lock_in_the_way_puts_one_task_off(world: World) -> None:
    last = without_the_last_day(world)
    letter = "INSERT INTO kv_entries (app_id, collection, key, value, version, size_bytes, expires_at)"
    world.change(f"{letter} VALUES (:app_id, 'c', 'k', '1', 1, 9, now() - interval '1 s')", app_id=world.app_id)
    with world.engine.begin() as connection:
        connection.execute(text("LOCK TABLE events IN SHARE MODE"))
        assert not do_round(world.engine, world.settings)
    assert not world.rows("SELECT * FROM kv_entries")
    assert last_day(world.engine) < last
    assert do_round(world.engine, world.settings)
    assert last_day(world.engine) >= last


def test_one_node_at_a_time(world: World) -> None:
    seen = []

    def task(connection: object, settings: Settings) -> None:
        seen.append(do_round(world.engine, settings, (lambda *_: seen.append("twice"),)))

    assert do_round(world.engine, world.settings, (task,))
    assert seen == [True]
    assert do_round(world.engine, world.settings, (task,)), "the lock was not given back"


def test_a_round_at_the_start_and_another_after_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[float] = []
    monkeypatch.setattr(upkeep, "PAUSE_S", 0.01)
    monkeypatch.setattr(upkeep, "do_round", lambda *_: rounds.append(time.monotonic()) or True)
    used = Event()
    task = Upkeep(world.engine, world.settings, used)
    task.start()
    world.until(lambda: len(rounds) == 1)
    time.sleep(0.2)
    assert len(rounds) == 1, "without work there is nothing to do"
    used.set()
    world.until(lambda: len(rounds) == 2)
    task.stop()
    assert not task._thread.is_alive()
    assert len(rounds) == 2


def test_a_node_that_runs_something_looks_after_it(world: World) -> None:
    """All the way: a run sets the event that the upkeep waits for."""
    with world.node() as node:
        node.gate.used.clear()
        world.enqueue(world.script("def handler(ctx):\n    return 1"), node=node)
        assert node.gate.used.wait(PATIENCE_S)
