"""Caps on what runs at once, over all nodes."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from picloud.services.code.runner import RunResult
from tests.integration.claiming import SOURCE, Hands, backlog, hands, new_app
from tests.integration.conftest import Node, World
from tests.integration.test_dispatch_wakeup import idles, last_query


class Meter:
    """How many runs of an app there are at a time, in all nodes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[UUID] = Counter()
        self.most: Counter[UUID] = Counter()

    def measure(self, node: Node) -> None:
        def running(result: RunResult) -> RunResult:
            with self._lock:
                self._now[result.app_id] += 1
                self.most |= self._now
            time.sleep(0.03)
            with self._lock:
                self._now[result.app_id] -= 1
            return result

        node.gate.changed = running


def cap(world: World, table: str, id_: UUID, most: int) -> None:
    limits = json.dumps({"concurrency": most})
    world.change(f"UPDATE {table} SET limits = CAST(:limits AS jsonb) WHERE id = :id", limits=limits, id=id_)
    world.change("SELECT pg_notify('picloud_changes', '')")


@contextmanager
def two_nodes(world: World) -> Iterator[Meter]:
    meter = Meter()
    with world.node(start=False) as one, world.node(start=False) as other:
        for node in (one, other):
            meter.measure(node)
            node.gate.opened.set()
            node.dispatcher.start()
        yield meter


@pytest.mark.parametrize("most", [1, 2])
def test_two_nodes_together_run_no_more_than_the_cap(world: World, most: int) -> None:
    script = world.script(SOURCE)
    cap(world, "apps", world.app_id, most)
    world.enqueue(script, times=20)
    with two_nodes(world) as meter:
        world.until(lambda: not world.waiting())
    assert meter.most[world.app_id] == most
    assert len(world.executions()) == 20


def test_without_a_cap_all_workers_run(world: World) -> None:
    world.enqueue(world.script(SOURCE), times=20)
    with two_nodes(world) as meter:
        world.until(lambda: not world.waiting())
    assert meter.most[world.app_id] > 2


def test_a_cap_on_a_script_leaves_the_app_s_others_alone(world: World) -> None:
    capped, free = world.script(SOURCE), world.script(SOURCE, "free")
    cap(world, "scripts", capped, 1)
    held = world.enqueue(capped, times=3)
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        others = world.enqueue(free, node=node, times=1)
        node.gate.wait_until_reached()
        running = {row.id for row in world.waiting() if row.epoch}
        assert others[0] in running
        assert len(running & set(held)) == 1
        node.gate.opened.set()
        world.until(lambda: not world.waiting())
    assert len(world.executions()) == 4


def test_who_waits_for_a_cap_costs_nothing_and_starts_with_the_end(world: World) -> None:
    script = world.script(SOURCE)
    cap(world, "apps", world.app_id, 1)
    world.enqueue(script, times=2)
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        world.until(lambda: last_query(world))
        assert idles(lambda: last_query(world))
        node.gate.opened.set()
        world.until(lambda: not world.waiting())


def test_a_node_without_work_takes_over_when_a_capped_run_ends_elsewhere(world: World) -> None:
    """The cap that was set while nodes run holds from then on; what waits for it does not wait for one node."""
    script = world.script(SOURCE)
    with world.node() as node:
        world.until(lambda: node.dispatcher.connected)
        cap(world, "apps", world.app_id, 1)
        with hands(world) as stranger:
            world.enqueue(script, times=2)
            [row] = stranger.claim(5)
            node.wakeup.notify()
            time.sleep(0.3)
            assert len(world.waiting()) == 2
            with stranger.cursor() as cursor:
                cursor.execute("DELETE FROM outbox WHERE id = %s", (row.id,))
            stranger.link.announce()
            world.until(lambda: not world.waiting())


def test_a_capped_app_is_not_claimed_while_another_node_counts(world: World) -> None:
    script = world.script(SOURCE)
    cap(world, "apps", world.app_id, 2)
    free, its_script = new_app(world)
    backlog(world, world.app_id, script, 5)
    backlog(world, free, its_script, 2)
    with hands(world) as one, hands(world) as other:
        with one.claiming(2) as ours:
            theirs = other.claim(5)
        assert Counter(row.app_id for row in ours) == {world.app_id: 1, free: 1}
        assert Counter(row.app_id for row in theirs) == {free: 1}
        assert (other.next_due_s() or 0) < 0
        assert Counter(row.app_id for row in other.claim(5)) == {world.app_id: 1}
        assert not other.claim(5)
        assert other.next_due_s() is not None  # the lease of the first


def test_a_cap_beyond_all_numbers_is_none(world: World) -> None:
    script = world.script(SOURCE)
    cap(world, "apps", world.app_id, 2**40 - 1)
    backlog(world, world.app_id, script, 5)
    with hands(world) as node:
        assert len(node.claim(10)) == 5


def claimed_of(node: Hands, app_id: UUID) -> int:
    return sum(row.app_id == app_id for row in node.claim(10))


def test_a_backlog_of_a_full_script_hides_nothing_behind_it(world: World) -> None:
    full, free = world.script(SOURCE), world.script(SOURCE, "free")
    cap(world, "scripts", full, 1)
    backlog(world, world.app_id, full, 200)
    backlog(world, world.app_id, free, 3)
    with hands(world) as node:
        assert Counter(row.script_id for row in node.claim(10)) == {full: 1, free: 3}
        assert claimed_of(node, world.app_id) == 0
        assert node.next_due_s() is None
