"""Who has lost a delivery writes nothing about it; and what a lost node held comes back."""

from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection
from sqlalchemy import text

from picloud.models.node import EPOCH_LOCK_CLASS
from tests.integration.conftest import World

STRANGER = 2_000_000
"""An epoch that no node of these tests gets."""
LOOKING = """
    SELECT pid, query_start FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE '%epoch NOT IN%'
"""
OK = "def handler(ctx):\n    return ctx.event.attempt"


def take(world: World, delivery: UUID, lease: str = "1 hour") -> None:
    """The node STRANGER claims the delivery."""
    world.change(
        "UPDATE outbox SET attempt = attempt + 1, epoch = :epoch, due = now() + CAST(:lease AS interval) WHERE id = :id",
        epoch=STRANGER,
        lease=lease,
        id=delivery,
    )


def live(world: World) -> Connection:
    """STRANGER is alive, until the connection is closed."""
    pooled = world.engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    connection.autocommit = True
    connection.cursor().execute("SELECT pg_advisory_lock_shared(%s, %s)", (EPOCH_LOCK_CLASS, STRANGER))
    return connection


def statuses(world: World, delivery: UUID) -> list[tuple[int, str]]:
    return [(run.attempt, run.status) for run in world.executions(delivery)]


@pytest.mark.parametrize("end", ["return 1", "raise ValueError", "ctx.fail('no')", "ctx.retry(after_s=1)"])
def test_a_node_that_lost_a_delivery_leaves_nothing_of_its_run(world: World, end: str) -> None:
    [delivery] = world.enqueue(world.script(f"def handler(ctx):\n    {end}"))
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        take(world, delivery)
    [row] = world.waiting()
    assert (row.epoch, row.attempt, row.later) == (STRANGER, 2, True)
    assert not world.executions()
    assert not world.dead()


@pytest.mark.parametrize("change", ["epoch = 2000000", "attempt = attempt + 1"])
def test_the_fence_looks_at_the_node_and_at_the_attempt(world: World, change: str) -> None:
    """Given back and claimed by another node it has the same attempt; claimed again by the same node, the same epoch."""
    [delivery] = world.enqueue(world.script(OK))
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        world.change(f"UPDATE outbox SET {change}")
    assert [row.id for row in world.waiting()] == [delivery]
    assert not world.executions()


def test_what_was_lost_does_not_keep_the_rest_of_its_batch_from_being_settled(world: World) -> None:
    lost, kept = world.enqueue(world.script(OK), times=2)
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        node.gate.wait_until_reached()
        take(world, lost)
    assert [row.id for row in world.waiting()] == [lost]
    assert statuses(world, kept) == [(1, "ok")]
    assert statuses(world, lost) == []


def test_a_look_at_the_start_that_fails_is_made_again(world: World) -> None:
    [delivery] = world.enqueue(world.script(OK))
    take(world, delivery)
    with world.sessions.begin() as session:
        session.execute(text("SELECT FROM outbox FOR UPDATE"))
        with world.node(lease_s=600):
            [waiting] = world.until(lambda: world.rows(LOOKING))
            world.change("SELECT pg_cancel_backend(:pid)", pid=waiting.pid)
            world.until(lambda: waiting not in world.rows(LOOKING))
            session.rollback()
            world.until(lambda: not world.waiting())
    assert statuses(world, delivery) == [(1, "lost"), (2, "ok")]


def test_the_deliveries_of_a_node_that_is_gone_are_due_at_once(world: World) -> None:
    [delivery] = world.enqueue(world.script(OK))
    take(world, delivery)
    with world.node():
        world.until(lambda: not world.waiting())
    assert statuses(world, delivery) == [(1, "lost"), (2, "ok")]
    [lost, _] = world.executions(delivery)
    assert (lost.script, lost.version, lost.result, lost.error["type"]) == ("main", None, None, "Lost")
    assert (lost.error["line"], lost.error["traceback"]) == (None, "")


def test_the_deliveries_of_a_node_that_lives_stay_with_it(world: World) -> None:
    script = world.script(OK)
    [theirs] = world.enqueue(script)
    take(world, theirs)
    alive = live(world)
    [ours] = world.enqueue(script)
    with world.node():
        world.until(lambda: world.executions(ours))
    [row] = world.waiting()
    assert (row.id, row.epoch, row.attempt, row.later) == (theirs, STRANGER, 1, True)
    alive.close()
    with world.node():
        world.until(lambda: not world.waiting())
    assert statuses(world, theirs) == [(1, "lost"), (2, "ok")]


def test_the_end_of_a_lease_frees_what_a_hanging_node_holds(world: World) -> None:
    [delivery] = world.enqueue(world.script(OK))
    alive = live(world)
    take(world, delivery, lease="0.5 s")
    with world.node():
        world.until(lambda: not world.waiting())
    assert statuses(world, delivery) == [(1, "lost"), (2, "ok")]
    alive.close()


def test_leases_are_renewed_while_handlers_run(world: World) -> None:
    [delivery] = world.enqueue(world.script(OK))
    with world.node(gated=True, lease_s=12) as node:
        node.gate.wait_until_reached()
        [first] = world.waiting()
        with world.node():
            world.until(lambda: world.waiting()[0].due > first.due)
        [renewed] = world.waiting()
        assert (renewed.epoch, renewed.attempt) == (first.epoch, 1)
    assert statuses(world, delivery) == [(1, "ok")]


def test_a_delivery_that_kills_every_node_ends(world: World) -> None:
    [delivery] = world.enqueue(world.script(OK))
    world.change("UPDATE outbox SET attempt = max_attempts - 1")
    take(world, delivery)
    with world.node():
        [letter] = world.until(world.dead)
    assert (letter.attempt, letter.max_attempts, letter.error["type"]) == (3, 3, "Lost")
    assert statuses(world, delivery) == [(3, "lost")]
    assert not world.waiting()
