"""A node's death shows to the others at once, and who is alone watches nobody."""

import os
import socket

import pytest

from picloud.dispatcher import neighbours
from picloud.dispatcher.ledger import Ledger
from picloud.dispatcher.link import Link
from tests.integration.conftest import World
from tests.integration.test_dispatch_fence import live, take
from tests.integration.test_dispatch_wakeup import fall_asleep, idles, last_query, switches

LEASE_S = 600.0
"""Far above what a test waits for."""
WATCHERS = """
    SELECT pid, query_start FROM pg_stat_activity
    WHERE query LIKE '%PERFORM pg_advisory_xact_lock_shared%' AND state = 'active' AND pid <> pg_backend_pid()
      AND datname = current_database()
"""
WATCHED = """
    SELECT session.pid FROM pg_locks AS session JOIN pg_locks AS waiting USING (classid, objid, database)
    WHERE session.granted AND NOT waiting.granted AND waiting.pid = :watcher
"""


def watched(world: World) -> dict[int, int]:
    """The sessions of nodes that are waited for, by the session that waits."""
    waits = ((watcher, world.rows(WATCHED, watcher=watcher)) for watcher, _ in world.rows(WATCHERS))
    return {watcher: pid for watcher, rows in waits for (pid,) in rows}


def nodes(world: World) -> set[int]:
    return {row.pid for row in last_query(world)}


def all_watched(world: World, count: int) -> bool:
    return len(nodes(world)) == count and set(watched(world).values()) == nodes(world)


def die(link: Link) -> None:
    """As the death of a process ends its connection."""
    with socket.socket(fileno=os.dup(link.fileno())) as connection:
        connection.shutdown(socket.SHUT_RDWR)


def test_who_is_alone_watches_nobody(world: World) -> None:
    with world.node() as node:
        fall_asleep(world, node)
        assert world.rows(WATCHERS) == []


@pytest.mark.parametrize("count", [2, 3])
def test_each_node_is_watched_by_one_other_at_no_cost(world: World, count: int) -> None:
    with world.node(), world.node() as node:
        world.until(lambda: all_watched(world, 2))
        if count == 3:
            with world.node():
                world.until(lambda: all_watched(world, 3))
            world.until(lambda: all_watched(world, 2))
        fall_asleep(world, node)
        assert idles(lambda: (last_query(world), world.rows(WATCHERS), switches(world)))
    world.until(lambda: not world.rows(WATCHERS))


def test_what_a_dead_node_held_runs_elsewhere_long_before_its_lease_ends(world: World) -> None:
    script = world.script("def handler(ctx):\n    return 1")
    dead = Link(world.engine)
    dead.open()
    [delivery] = world.enqueue(script)
    world.change("UPDATE outbox SET attempt = 1, epoch = :epoch, due = now() + interval '1 hour'", epoch=dead.epoch)
    with world.node(lease_s=LEASE_S) as node:
        world.until(lambda: set(watched(world).values()) == {dead_pid(world, dead)})
        fall_asleep(world, node)
        die(dead)
        world.until(lambda: not world.waiting())
    assert [(run.attempt, run.status) for run in world.executions(delivery)] == [(1, "lost"), (2, "ok")]


def dead_pid(world: World, link: Link) -> int:
    [(pid,)] = world.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :epoch", epoch=link.epoch)
    return int(pid)


def test_a_claim_is_announced_by_its_own_commit(world: World) -> None:
    [delivery] = world.enqueue(world.script("def handler(ctx):\n    return 1"))
    ours, other = Link(world.engine), Link(world.engine)
    ours.open()
    other.open()
    _, claimed = Ledger(ours, lease_s=LEASE_S, backlog_max=10).exchange([], 1, announce=True)
    assert [row.id for row in claimed] == [str(delivery)]
    with other.cursor() as cursor:
        cursor.execute("SELECT")
    assert other.heard().deliveries
    ours.close()
    other.close()


def test_what_a_node_claims_after_its_announcement_and_before_it_hangs_runs_after_its_lease(world: World) -> None:
    script = world.script("def handler(ctx):\n    return 1")
    hung = live(world)
    with world.node(lease_s=5) as node:
        fall_asleep(world, node)
        before = last_query(world)
        world.change("NOTIFY picloud_outbox, 'another node'")
        world.until(lambda: last_query(world) != before)
        [delivery] = world.enqueue(script)
        take(world, delivery, "1 s")
        world.until(lambda: not world.waiting())
    hung.close()
    assert [(run.attempt, run.status) for run in world.executions(delivery)] == [(1, "lost"), (2, "ok")]


def test_a_watch_does_not_keep_an_old_snapshot_while_there_is_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits holds a snapshot: vacuum could not clear away what was delivered since."""
    monkeypatch.setattr(neighbours, "FRESH_S", 0.5)
    script = world.script("def handler(ctx):\n    return 1")
    with world.node() as node, world.node():
        world.until(lambda: all_watched(world, 2))
        before = dict(world.rows(WATCHERS))

        def made_anew() -> bool:
            world.enqueue(script, node=node)
            now = dict(world.rows(WATCHERS))
            return any(pid in before and start > before[pid] for pid, start in now.items())

        world.until(made_anew)
        world.until(lambda: all_watched(world, 2))


def test_watching_outlives_its_connection(world: World) -> None:
    with world.node(), world.node():
        world.until(lambda: all_watched(world, 2))
        before = watched(world)
        world.change(WATCHERS.replace("pid, query_start", "pg_terminate_backend(pid)"))
        world.until(lambda: all_watched(world, 2) and not watched(world).keys() & before.keys())
