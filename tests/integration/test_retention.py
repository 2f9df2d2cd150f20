"""Days of history go by age and by size; what is still needed stays."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind
from picloud.models import App
from picloud.services.delivery.deliveries import DeliveryService
from picloud.services.replays.lock import HOLD_EVENTS
from picloud.services.retention import days as retention_days
from picloud.services.retention.retention import drop_days
from picloud.services.retention.rows import clear_defaults, forget_closed, forget_expired
from tests.integration.conftest import World
from tests.integration.history import add_event, add_execution, drop_old_tables, make_day, old_id, tables

FAILS = "def handler(ctx):\n    raise ValueError('no')"


@pytest.fixture(autouse=True)
def _clean(world: World) -> Iterator[None]:
    drop_old_tables(world)
    yield
    drop_old_tables(world)


def keep(world: World, **changed: Any) -> None:
    settings = replace(world.settings, **changed)
    with world.engine.connect() as connection:
        drop_days(connection, settings)
        clear_defaults(connection, settings)
        forget_closed(connection, settings)
        forget_expired(connection, settings)


def live(world: World, event_id: UUID) -> UUID:
    """A delivery that has not ended, of an old event."""
    [delivery] = world.enqueue(world.script(FAILS, name=f"s{event_id.hex}"))
    world.change("UPDATE outbox SET event_id = :event_id WHERE id = :id", event_id=event_id, id=delivery)
    return delivery


def test_each_table_keeps_its_days(world: World) -> None:
    days = {days: make_day(world, days) for days in (3, 4, 6, 7, 8)}
    keep(world, executions_keep_days=6, events_keep_days=3)
    assert tables(world, "executions_2%") >= {f"executions_{days[n]}" for n in (3, 4, 6)}
    assert tables(world, "inbound_dedupe_keys_2%") >= {f"inbound_dedupe_keys_{days[n]}" for n in (3, 4, 6, 7)}
    gone = {f"executions_{days[n]}" for n in (7, 8)} | {f"events_{days[n]}" for n in (4, 6, 7, 8)}
    gone |= {f"inbound_dedupe_keys_{days[8]}"}
    assert not gone & tables(world, "%_2%")
    assert f"events_{days[3]}" in tables(world, "events_2%")


def test_the_oldest_go_first_while_there_is_too_much(world: World) -> None:
    for days in (1, 2, 3):
        make_day(world, days)
        for _ in range(20):
            add_event(world, old_id(days), f'"{uuid7().hex * 100}"')
    today = make_day(world, 0)
    sizes = world.rows(
        "SELECT sum(pg_total_relation_size(oid)) AS n FROM pg_class"
        " WHERE relname ~ '^(events|executions|email_attachments)_2' AND relkind = 'r'"
    )
    keep(world, history_max_bytes=int(sizes[0].n) - 1)
    assert {name[-8:] for name in tables(world, "events_2%")} >= {make_day(world, n) for n in (1, 2)}
    assert not world.rows("SELECT 1 FROM events WHERE id < :id", id=old_id(2.99))
    make_day(world, 3)
    keep(world, history_max_bytes=1)
    assert {name[-8:] for name in tables(world, "%events_2%")} >= {today}
    assert not [name for name in tables(world, "e%_2%") if name[-8:] < today]
    assert make_day(world, 3) in {name[-8:] for name in tables(world, "inbound_dedupe_keys_2%")}


def test_an_event_that_a_delivery_needs_outlives_its_day(world: World) -> None:
    make_day(world, 40)
    needed, other = old_id(40), old_id(40)
    add_event(world, needed, '{"n": 1}')
    add_event(world, other)
    delivery = live(world, needed)
    keep(world)
    keep(world)
    assert [row.id for row in world.rows("SELECT id FROM events ORDER BY id")][:1] == [needed]
    assert not world.rows("SELECT 1 FROM events WHERE id = :id", id=other)
    with world.node():
        [letter] = world.until(world.dead)
    assert (letter.id, letter.event["manual"]) == (delivery, {"n": 1}), "the handler saw it"
    keep(world)
    assert not world.rows("SELECT 1 FROM events WHERE id = :id", id=needed), "now nobody needs it"


@pytest.mark.parametrize("most", ["MOVE_MAX", "MOVE_MAX_BYTES"])
def test_a_day_that_many_need_is_kept_whole(world: World, most: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_days, most, 1)
    day = make_day(world, 40)
    events = [old_id(40) for _ in range(3)]
    for event in events:
        add_event(world, event)
    for event in events[:2]:
        live(world, event)
    keep(world)
    assert f"events_{day}" in tables(world, "events_2%")
    assert len(world.rows("SELECT 1 FROM events WHERE id = ANY(:ids)", ids=events)) == 3


def test_attempts_of_dead_letters_and_live_deliveries_outlive_their_day(world: World) -> None:
    day = make_day(world, 40)
    script = world.script(FAILS)
    dead, discarded, retried = world.enqueue(script, times=3)
    world.change("DELETE FROM outbox WHERE id <> :id", id=retried)
    for letter, state in ((dead, "dead"), (discarded, "discarded")):
        world.change(
            "INSERT INTO dead_letters (id, app_id, script_id, event_id, source_kind, max_attempts, policy_attempts,"
            " backoff_base_s, backoff_cap_s, timeout_s, state, event, error)"
            " VALUES (:id, :app_id, :script_id, :id, 'manual', 1, 1, 1, 1, 1, :state, '{}', '{}')",
            id=letter, app_id=world.app_id, script_id=script, state=state,
        )  # fmt: skip
    runs = {delivery: old_id(40) for delivery in (dead, discarded, retried, None)}
    for delivery, run in runs.items():
        add_execution(world, run, delivery)
    keep(world)
    assert f"executions_{day}" not in tables(world, "executions_2%")
    rows = {row.id: row for row in world.executions()}
    assert set(rows) == {runs[dead], runs[retried]}
    assert [(row.result, row.logs, row.error["traceback"]) for row in rows.values()] == [(None, [], "line 1")] * 2
    with world.sessions() as session:
        [attempt] = DeliveryService(session, session.get_one(App, world.app_id)).get(dead).attempts
        assert (attempt.execution_id, attempt.error["message"]) == (runs[dead], "no")
    world.change("UPDATE dead_letters SET state = 'discarded' WHERE id = :id", id=dead)
    keep(world)
    assert [row.id for row in world.executions()] == [runs[retried]]


@pytest.mark.parametrize("where", ["outbox", "dead_letters"])
def test_attachments_of_a_mail_that_is_needed_stay(world: World, where: str) -> None:
    """Their ids are a moment older than the event's, and may be of the day before."""
    day = make_day(world, 40)
    [delivery] = world.enqueue(world.script(FAILS), kind=EventKind.EMAIL)
    world.change("UPDATE outbox SET event_id = :id", id=old_id(39.0))
    if where == "dead_letters":
        with world.outbox() as outbox:
            outbox.cancel(world.app_id, delivery)
        world.change("UPDATE dead_letters SET state = 'dead', closed_at = NULL")
    keep(world)
    assert f"email_attachments_{day}" in tables(world, "email_attachments_2%")
    assert f"events_{day}" not in tables(world, "events_2%")
    world.change(f"DELETE FROM {where}")
    keep(world)
    assert f"email_attachments_{day}" not in tables(world, "email_attachments_2%")


def test_a_day_that_was_detached_before_a_crash_is_finished(world: World) -> None:
    day = make_day(world, 40)
    [delivery] = world.enqueue(world.script(FAILS))
    kept, other = old_id(40), old_id(40)
    add_execution(world, kept, delivery)
    add_execution(world, other)
    world.change(f"ALTER TABLE executions DETACH PARTITION executions_{day}")
    keep(world)
    assert f"executions_{day}" not in tables(world, "executions_2%")
    assert [row.id for row in world.executions()] == [kept]


def test_who_reads_is_not_waited_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_days, "TRIES", 2)
    day = make_day(world, 40)
    with world.engine.begin() as reader:
        reader.execute(text("SELECT 1 FROM events LIMIT 1"))
        with pytest.raises(OperationalError):
            keep(world)
        assert f"events_{day}" in tables(world, "events_2%")
    keep(world)
    assert f"events_{day}" not in tables(world, "events_2%")


def test_a_replay_under_way_keeps_unneeded_events(world: World) -> None:
    event = old_id(40)
    add_event(world, event)
    with world.engine.begin() as replay:
        replay.execute(HOLD_EVENTS)
        keep(world)
        assert world.rows("SELECT 1 FROM events WHERE id = :id", id=event)
    keep(world)
    assert not world.rows("SELECT 1 FROM events WHERE id = :id", id=event)


def test_closed_letters_go_after_their_time_and_dead_ones_never(world: World) -> None:
    script = world.script(FAILS)
    cancelled, discarded, dead, fresh = world.enqueue(script, times=4)
    with world.outbox() as outbox:
        outbox.cancel(world.app_id, cancelled)
        outbox.cancel(world.app_id, fresh)
        outbox.cancel(world.app_id, discarded)
        outbox.cancel(world.app_id, dead)
    world.change("UPDATE dead_letters SET state = 'dead', closed_at = NULL WHERE id = ANY(:ids)", ids=[discarded, dead])
    with world.outbox() as outbox:
        outbox.discard(world.app_id, discarded)
    world.change("UPDATE dead_letters SET failed_at = now() - interval '90 d', closed_at = closed_at - interval '31 d'")
    world.change("UPDATE dead_letters SET closed_at = now() - interval '29 d' WHERE id = :id", id=fresh)
    keep(world)
    assert {row.id for row in world.dead()} == {dead, fresh}


def test_expired_entries_go_and_count_no_more(world: World) -> None:
    world.change(
        "INSERT INTO kv_entries (app_id, collection, key, value, version, size_bytes, expires_at)"
        " SELECT :app_id, 'c', n::text, '1', 1, 10, CASE n % 3 WHEN 0 THEN now() WHEN 1 THEN now() + interval '1 h' END"
        " FROM generate_series(1, 3000) AS n",
        app_id=world.app_id,
    )
    world.change("INSERT INTO kv_usage VALUES (:app_id, 3000, 30000)", app_id=world.app_id)
    keep(world)
    [usage] = world.rows("SELECT entries, size_bytes FROM kv_usage")
    assert tuple(usage) == (2000, 20_000)
    assert len(world.rows("SELECT 1 FROM kv_entries WHERE expires_at IS NULL")) == 1000
    assert len(world.rows("SELECT 1 FROM kv_entries")) == 2000
