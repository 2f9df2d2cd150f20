"""The database goes and comes back; the dispatcher stays."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text

from picloud.postgres.cluster import Cluster
from tests.integration.conftest import World

OK = "def handler(ctx):\n    return ctx.event.attempt"


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Cluster]:
    """A server that the test may stop."""
    yield cluster
    cluster.start()


def runs(world: World, delivery: UUID) -> list[tuple[int, str]]:
    return [(run.attempt, run.status) for run in world.executions(delivery)]


def test_a_result_is_kept_while_the_database_is_away(world: World, server: Cluster) -> None:
    [delivery] = world.enqueue(world.script(OK))
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        server.stop()
        node.gate.opened.set()
        world.until(lambda: not node.dispatcher.connected)
        server.start()
        world.until(lambda: not world.waiting())
        assert runs(world, delivery) == [(1, "ok")]


def test_a_sleeping_dispatcher_finds_the_database_again(world: World, server: Cluster) -> None:
    script = world.script(OK)
    with world.node() as node:
        world.until(lambda: node.dispatcher.connected)
        server.stop()
        world.until(lambda: not node.dispatcher.connected)
        server.start()
        world.until(lambda: node.dispatcher.connected)
        [delivery] = world.enqueue(script, node=node)
        world.until(lambda: world.executions(delivery))
    assert runs(world, delivery) == [(1, "ok")]


def test_the_dispatcher_may_start_before_the_database(world: World, server: Cluster) -> None:
    [delivery] = world.enqueue(world.script(OK))
    server.stop()
    with world.node() as node:
        assert not node.dispatcher.connected
        server.start()
        world.until(lambda: node.dispatcher.connected)
        world.until(lambda: world.executions(delivery))


def test_a_broken_connection_costs_nothing(world: World) -> None:
    """What was claimed by a commit that was never confirmed is given back as well."""
    held, unknown = world.enqueue(world.script(OK), times=2)
    with world.node(gated=True, lease_s=600, dispatch_batch=1) as node:
        node.gate.wait_until_reached()
        world.change(
            "UPDATE outbox SET attempt = 1, due = now() + interval '1 h', epoch = (SELECT epoch FROM outbox WHERE id = :a)"
            " WHERE id = :b",
            a=held,
            b=unknown,
        )
        world.change("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2")
        world.until(lambda: [row for row in world.waiting() if row.id == unknown and row.epoch is None])
        node.gate.opened.set()
        world.until(lambda: not world.waiting())
        node.gate.wait_until_reached()
        assert not node.gate.reached.acquire(blocking=False), "one of them was run twice"
    assert runs(world, held) == [(1, "ok")]
    assert runs(world, unknown) == [(1, "ok")]


def test_a_settlement_that_breaks_off_is_made_again(world: World) -> None:
    [delivery] = world.enqueue(world.script(OK))
    stuck = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%picloud_delivered%'"
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        with world.engine.connect() as in_the_way:
            in_the_way.execute(text("SELECT id FROM outbox FOR UPDATE"))
            node.gate.opened.set()
            world.until(lambda: world.rows(stuck))
            world.change(stuck.replace("pid", "pg_terminate_backend(pid)", 1))
        world.until(lambda: not world.waiting())
        assert not node.gate.reached.acquire(blocking=False), "it was run twice"
    assert runs(world, delivery) == [(1, "ok")]


def test_code_that_changed_while_nobody_listened_is_loaded_again(world: World) -> None:
    script = world.script(OK)
    with world.node(start=False) as node:
        assert node.app_codes.by_id(world.app_id).scripts[script].version == 1
        world.save(script, OK)
        assert node.app_codes.by_id(world.app_id).scripts[script].version == 1
        node.dispatcher.start()
        world.until(lambda: node.app_codes.by_id(world.app_id).scripts[script].version == 2)


def test_stopping_without_a_database_ends(world: World, server: Cluster) -> None:
    world.enqueue(world.script(OK))
    with world.node(gated=True) as node:
        node.gate.wait_until_reached()
        server.stop()
        node.dispatcher.stop(0.1)
        server.start()
    assert len(world.waiting()) == 1
