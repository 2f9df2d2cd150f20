"""Schedules: fired once, in time, by their policies."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.dispatcher import loop
from picloud.process import Process
from picloud.services.sessions import wake_dispatcher
from tests.functional.client import Client, eventually
from tests.functional.test_effects import Bench

COUNT = "part = ctx.event.cron\nctx.kv('c').incr('n')\nreturn [part.schedule, part.scheduled_for, part.late_by_s]"


@pytest.fixture
def bench(owner: Client, app: TestApp) -> Bench:
    bench = Bench(owner, app)
    bench.script("tick", COUNT)
    return bench


# Sequences go on although their transaction is undone: so many events were refused.
FULL_DISK = """
    CREATE SEQUENCE refused;
    CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN
        PERFORM nextval('refused'); RAISE 'No space left on device' USING ERRCODE = 'disk_full';
    END $$ LANGUAGE plpgsql;
    CREATE TRIGGER full_disk BEFORE INSERT ON outbox EXECUTE FUNCTION full_disk()
"""
ROOM = "DROP FUNCTION IF EXISTS full_disk CASCADE; DROP SEQUENCE IF EXISTS refused"


def due_since(process: Process, trigger: Any, seconds: float) -> None:
    """As if the trigger's time had come so long ago, and the dispatcher been woken for it."""
    statement = "UPDATE cron_trigger_details SET next_at = now() - make_interval(secs => :s) WHERE trigger_id = :id"
    with process.runtime.sessions.begin() as session:
        session.execute(text(statement), {"s": seconds, "id": trigger["id"]})
        wake_dispatcher(session)


def test_it_shows_what_is_next(bench: Bench) -> None:
    made = bench.trigger("cron", script="tick", schedule="30 4 * * 1", timezone="Europe/Berlin")
    assert (made["missed"], made["overlap"], made["dispatch_mode"]) == ("run_once", "skip", "async")
    assert made["next_at"] == made["next_times"][0]
    assert len(made["next_times"]) == 5
    path = f"/apps/{bench.slug}/triggers/{made['id']}"
    off = bench.owner.patch(path, {"enabled": False})
    assert off["next_at"] is None
    changed = bench.owner.patch(path, {"enabled": True, "schedule": "@hourly"})
    assert changed["next_at"] == changed["next_times"][0] != made["next_at"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"schedule": "* * *"}, "/schedule"),
        ({}, "/schedule"),
        ({"schedule": "@daily", "timezone": "Nowhere"}, "/timezone"),
        ({"schedule": "@daily", "missed": "weep"}, "/missed"),
        ({"schedule": "@daily", "overlap": "fight"}, "/overlap"),
        ({"schedule": "@daily", "dispatch_mode": "sync"}, "/dispatch_mode"),
    ],
)
def test_bad_fields(bench: Bench, fields: dict[str, Any], pointer: str) -> None:
    problem = bench.owner.post(f"/apps/{bench.slug}/triggers/cron", {"script": "tick", **fields}, status=422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_due_trigger_fires_once_and_is_planned_again(bench: Bench, process: Process) -> None:
    trigger = bench.trigger("cron", script="tick", schedule="@yearly")
    due_since(process, trigger, 2)
    [run] = eventually(lambda: bench.executions("cron"))
    assert run["result"][0] == "@yearly"
    assert 2 <= run["result"][2] < 60
    assert bench.value("n") == 1
    planned = bench.owner.get(f"/apps/{bench.slug}/triggers/{trigger['id']}")
    assert planned["next_at"] == planned["next_times"][0]


def test_a_time_missed_by_an_hour_runs_once_or_not_at_all(bench: Bench, process: Process) -> None:
    once = bench.trigger("cron", script="tick", schedule="*/5 * * * *", missed="run_once")
    never = bench.trigger("cron", script="tick", schedule="*/5 * * * *", missed="skip")
    due_since(process, never, 3600)
    due_since(process, once, 3600)
    [run] = eventually(lambda: bench.executions("cron"))
    assert run["trigger_id"] == once["id"]
    assert run["result"][2] >= 3600
    now = datetime.fromisoformat(run["started_at"])
    for trigger in (once, never):
        assert datetime.fromisoformat(bench.owner.get(f"/apps/{bench.slug}/triggers/{trigger['id']}")["next_at"]) > now


@pytest.mark.parametrize(("overlap", "runs"), [("skip", 1), ("queue", 3), ("allow", 3)])
def test_overlap(bench: Bench, process: Process, overlap: str, runs: int) -> None:
    wait = "import time\nkv = ctx.kv('c')\nwhile not kv.get('go'):\n    time.sleep(0.05)\nkv.incr('n')"
    bench.script("slow", wait)
    trigger = bench.trigger("cron", script="slow", schedule="@yearly", overlap=overlap)
    now = trigger["next_at"][:4]  # its year begins after all moments of now
    for _ in range(3):
        due_since(process, trigger, 1)
        eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/triggers/{trigger['id']}")["next_at"] > now)
    bench.owner.put(f"/apps/{bench.slug}/kv/c/go", {"value": True})
    eventually(lambda: bench.value("n") == runs)
    states = {item["state"] for item in bench.owner.get(f"/apps/{bench.slug}/deliveries")["items"]}
    assert states == {"delivered"}


@pytest.fixture
def full_disk(process: Process) -> Iterator[Callable[[], None]]:
    """The database can't take another delivery, until it is called."""

    def room() -> None:
        with process.engine.begin() as connection:
            connection.execute(text(ROOM))

    with process.engine.begin() as connection:
        connection.execute(text(FULL_DISK))
    yield room
    room()


def test_a_time_that_could_not_be_written_down_is_fired_when_there_is_room_again(
    bench: Bench, process: Process, full_disk: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody wakes the dispatcher for it."""
    monkeypatch.setattr(loop, "CRON_AGAIN_S", 0.1)
    trigger = bench.trigger("cron", script="tick", schedule="@yearly")
    due_since(process, trigger, 2)

    def refused() -> bool:
        with process.engine.connect() as connection:
            return connection.execute(text("SELECT is_called AND last_value > 1 FROM refused")).scalar_one()

    eventually(refused)
    full_disk()
    eventually(lambda: bench.executions("cron"))
    assert bench.value("n") == 1
