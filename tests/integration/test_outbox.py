"""The outbox service: what goes in, and what people do with it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from picloud.domain.delivery import MAX_DEPTH, RetryPolicy
from picloud.domain.errors import Conflict, Invalid, NotFound, Unavailable
from picloud.domain.kinds import EventKind
from picloud.models import App
from picloud.services.delivery.outbox import OutboxService
from tests.integration.conftest import QUICK, World

FAILS = "def handler(ctx):\n    raise ValueError('no')"
HELD = "UPDATE outbox SET epoch = 2000000, attempt = 1, due = now() + interval '1 h'"


def dead_letter(world: World, script: UUID, payload: Any = None) -> UUID:
    [delivery] = world.enqueue(script, payload)
    with world.node():
        world.until(world.dead)
    return delivery


def test_a_delivery_carries_all_that_it_needs(world: World) -> None:
    script, trigger, trace = world.script(FAILS), uuid4(), uuid4()
    policy = RetryPolicy(5, 1.5, 60, 20)
    [delivery] = world.enqueue(
        script,
        {"a": "é\x00\ud800"},
        policy=policy,
        kind=EventKind.EMAIL,
        trigger_id=trigger,
        principal_id=world.user_id,
        trace_id=trace,
        depth=MAX_DEPTH,
    )
    [row] = world.waiting()
    [event] = world.rows("SELECT *, occurred_at = (SELECT created_at FROM outbox) AS same FROM events")
    assert (row.id, row.app_id, row.script_id, row.event_id) == (delivery, world.app_id, script, event.id)
    assert (row.source_kind, row.trigger_id, row.principal_id) == ("email", trigger, world.user_id)
    assert (row.max_attempts, row.policy_attempts) == (5, 5)
    assert (row.backoff_base_s, row.backoff_cap_s, row.timeout_s) == (1.5, 60, 20)
    assert (row.attempt, row.epoch, row.manual, row.later) == (0, None, False, False)
    assert (event.kind, event.payload, event.trace_id, event.depth) == ("email", {"a": "é\x00\ud800"}, trace, MAX_DEPTH)
    assert event.same


def test_a_delay_begins_when_it_is_asked_for(world: World) -> None:
    """Not with the transaction, which a run may have had open for long."""
    script = world.script(FAILS)
    wanted = {"app_id": world.app_id, "script_id": script, "kind": EventKind.QUEUE, "payload": {}, "policy": QUICK}
    with world.sessions.begin() as session:
        session.execute(text("SELECT pg_sleep(0.5)"))
        OutboxService(session, backlog_max=10).enqueue(**wanted, delay_s=60)
    [(delay_s,)] = world.rows("SELECT extract(epoch FROM due - created_at) FROM outbox")
    assert delay_s >= 60.5


def test_what_has_ended_is_soon_cleared_away(world: World) -> None:
    """By the number of rows, however large the table: each delivery leaves two dead ones."""
    [row] = world.rows("SELECT reloptions FROM pg_class WHERE relname = 'outbox'")
    assert {"fillfactor=70", "autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=1000"} <= set(
        row.reloptions
    )


def test_without_a_trace_the_event_starts_one(world: World) -> None:
    world.enqueue(world.script(FAILS))
    [event] = world.rows("SELECT id, trace_id FROM events")
    assert event.trace_id == event.id


def test_a_full_backlog_takes_no_more_and_leaves_other_apps_alone(world: World) -> None:
    script, other = world.script(FAILS), uuid4()
    with world.sessions.begin() as session:
        session.add(App(id=other, slug="other", name="Other"))
    theirs = world.script(FAILS, app_id=other)

    def enqueue(app_id: UUID, script_id: UUID) -> None:
        with world.sessions.begin() as session:
            OutboxService(session, backlog_max=2).enqueue(
                app_id=app_id, script_id=script_id, kind=EventKind.MANUAL, payload={}, policy=QUICK
            )

    enqueue(world.app_id, script)
    enqueue(world.app_id, script)
    with pytest.raises(Unavailable) as refused:
        enqueue(world.app_id, script)
    assert refused.value.problem_code == "backlog_full"
    enqueue(other, theirs)
    assert len(world.waiting()) == len(world.rows("SELECT id FROM events")) == 3


def test_a_loop_of_events_is_refused(world: World) -> None:
    with pytest.raises(Invalid):
        world.enqueue(world.script(FAILS), depth=MAX_DEPTH + 1)
    assert not world.waiting()


def test_retry_now_is_a_manual_attempt_and_only_that_one(world: World) -> None:
    [delivery] = world.enqueue(world.script(FAILS))
    world.change("UPDATE outbox SET due = now() + interval '1 h', attempt = 1")
    with world.node() as node:
        with world.outbox(node) as outbox:
            outbox.retry_now(world.app_id, delivery)
        world.until(world.dead)
    assert [(run.attempt, run.manual) for run in world.executions(delivery)] == [(2, True), (3, False)]


def test_cancel_ends_a_waiting_delivery(world: World) -> None:
    [delivery] = world.enqueue(world.script(FAILS), {"n": 1})
    with world.outbox() as outbox:
        outbox.cancel(world.app_id, delivery)
    assert not world.waiting()
    [letter] = world.dead()
    assert (letter.id, letter.state, letter.event["manual"]) == (delivery, "cancelled", {"n": 1})
    with pytest.raises(Conflict):
        world.replay(delivery)


@pytest.mark.parametrize("what", ["retry_now", "cancel"])
def test_what_runs_is_not_touched(world: World, what: str) -> None:
    [delivery] = world.enqueue(world.script(FAILS))
    world.change(HELD)
    with pytest.raises(Conflict, match="running"), world.outbox() as outbox:
        getattr(outbox, what)(world.app_id, delivery)
    [row] = world.waiting()
    assert (row.epoch, row.manual, row.later) == (2_000_000, False, True)


@pytest.mark.parametrize("what", ["retry_now", "cancel", "discard"])
def test_unknown_deliveries_and_those_of_other_apps_are_not_there(world: World, what: str) -> None:
    [delivery] = world.enqueue(world.script(FAILS))
    for app_id, delivery_id in ((world.app_id, uuid4()), (uuid4(), delivery)):
        with pytest.raises(NotFound), world.outbox() as outbox:
            getattr(outbox, what)(app_id, delivery_id)
    assert [row.id for row in world.waiting()] == [delivery]


def test_a_delivered_one_is_over(world: World) -> None:
    [delivery] = world.enqueue(world.script("def handler(ctx):\n    return 1"))
    with world.node():
        world.until(lambda: world.executions(delivery))
    with pytest.raises(Conflict, match="delivered"), world.outbox() as outbox:
        outbox.cancel(world.app_id, delivery)


def test_discard_is_for_good(world: World) -> None:
    delivery = dead_letter(world, world.script(FAILS))
    with world.outbox() as outbox:
        outbox.discard(world.app_id, delivery)
    assert [letter.state for letter in world.dead()] == ["discarded"]
    with pytest.raises(Conflict), world.outbox() as outbox:
        outbox.discard(world.app_id, delivery)
    with pytest.raises(Conflict, match="discarded"):
        world.replay(delivery)


def test_a_rollback_takes_event_and_delivery_back(world: World) -> None:
    script = world.script(FAILS)
    with world.sessions() as session:
        OutboxService(session, backlog_max=10).enqueue(
            app_id=world.app_id, script_id=script, kind=EventKind.MANUAL, payload={}, policy=QUICK
        )
        session.rollback()
    assert not world.waiting()
    assert not world.rows("SELECT * FROM events")
