"""The dispatcher sleeps without a timer, and hears of everything."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import zope.sqlalchemy
from transaction import TransactionManager

from picloud.domain.kinds import EventKind
from picloud.models.node import EPOCH_LOCK_CLASS
from picloud.services.code.app_code import AppCodeCache
from picloud.services.delivery.outbox import OutboxService
from tests.integration.conftest import QUICK, Node, World

OK = "def handler(ctx):\n    return ctx.event.attempt"
QUIET_S = 2.0
"""Longer than anything that a dispatcher still has to do after its start."""


def switches(world: World) -> dict[int | None, int]:
    """Voluntary context switches of the threads of the world's dispatchers."""
    counts = {}
    for thread in threading.enumerate():
        if world.is_ours(thread.ident) and (thread.name == "dispatcher" or thread.name.startswith("runner-")):
            status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
            counts[thread.native_id] = int(status.partition("voluntary_ctxt_switches:")[2].split()[0])
    return counts


def idles(look: Callable[[], Any]) -> bool:
    """Whether what `look` sees does not change for QUIET_S. One of a few times: a timer would show in each."""

    def quiet() -> bool:
        before = look()
        time.sleep(QUIET_S)
        return bool(look() == before)

    return any(quiet() for _ in range(5))


def last_query(world: World) -> Any:
    """When the node began its last query."""
    return world.rows(
        "SELECT pid, query_start FROM pg_stat_activity WHERE datname = current_database() AND pid IN"
        " (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND objsubid = 2)",
        **{"class": EPOCH_LOCK_CLASS},
    )


def fall_asleep(world: World, node: Node) -> None:
    world.until(lambda: node.dispatcher.connected and last_query(world))
    quiet: list[Any] = []
    while not quiet or quiet != last_query(world):
        quiet = last_query(world)
        time.sleep(QUIET_S)


def test_idle_is_no_query_and_no_wakeup_and_yet_a_delivery_starts(world: World) -> None:
    script = world.script(OK)
    with world.node() as node:
        fall_asleep(world, node)
        assert idles(lambda: (last_query(world), switches(world)))
        [delivery] = world.enqueue(script, node=node)
        world.until(lambda: world.executions(delivery))


def test_what_is_due_later_wakes_at_its_time_without_being_asked(world: World) -> None:
    script = world.script(OK)
    with world.node() as node:
        fall_asleep(world, node)
        [delivery] = world.enqueue(script)
        world.change("UPDATE outbox SET due = now() + interval '1.5 s'")
        node.wakeup.notify()
        world.until(lambda: world.executions(delivery))
    [(late_s,)] = world.rows("SELECT extract(epoch FROM x.started_at - o.occurred_at) FROM executions x, events o")
    assert late_s > 1.4


def test_what_is_due_in_a_year_is_slept_for(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.enqueue(world.script(OK))
    world.change("UPDATE outbox SET due = now() + interval '1 year'")
    with world.node() as node:
        fall_asleep(world, node)
        assert idles(lambda: (last_query(world), switches(world)))
    assert not [record for record in caplog.records if record.levelname == "ERROR" and world.is_ours(record.thread)]


def test_a_rolled_back_delivery_wakes_nobody(world: World) -> None:
    script = world.script(OK)
    with world.sessions() as session:
        OutboxService(session, backlog_max=10).enqueue(app_id=world.app_id, script_id=script, **_manual())
        session.rollback()
        session.commit()
    assert not world.idle_node.wakeup.drain()
    world.enqueue(script)
    assert world.idle_node.wakeup.drain()


def test_a_commit_by_the_transaction_manager_wakes(world: World) -> None:
    script, manager = world.script(OK), TransactionManager(explicit=True)
    session = world.sessions()
    zope.sqlalchemy.register(session, initial_state="changed", transaction_manager=manager)
    with manager:
        OutboxService(session, backlog_max=10).enqueue(app_id=world.app_id, script_id=script, **_manual())
        assert not world.idle_node.wakeup.drain()
    assert world.idle_node.wakeup.drain()
    assert len(world.waiting()) == 1


def test_a_savepoint_is_no_commit(world: World) -> None:
    script = world.script(OK)
    with world.sessions() as session:
        with session.begin_nested():
            OutboxService(session, backlog_max=10).enqueue(app_id=world.app_id, script_id=script, **_manual())
        assert not world.idle_node.wakeup.drain()
        session.commit()
    assert world.idle_node.wakeup.drain()


def test_another_node_is_told_and_helps(world: World) -> None:
    script = world.script(OK)
    with world.node(gated=True, dispatch_batch=1, lease_s=600) as full, world.node() as helper:
        fall_asleep(world, helper)
        world.enqueue(script, node=full, times=3)
        full.gate.wait_until_reached()
        world.until(lambda: len(world.executions()) == 2)
        assert len(world.waiting()) == 1


def test_another_node_forgets_code_that_changed(world: World) -> None:
    script = world.script(OK)
    with world.node() as node:
        world.until(lambda: node.dispatcher.connected)
        # What is loaded while the node connects is forgotten once more.
        world.until(lambda: node.app_codes.by_id(world.app_id) is node.app_codes.by_id(world.app_id))
        world.save(script, "def handler(ctx):\n    return 2")
        world.until(lambda: _version(node.app_codes, world.app_id, script) == 2)


def _version(cache: AppCodeCache, app_id: UUID, script: UUID) -> int:
    return cache.by_id(app_id).scripts[script].version


def _manual() -> dict[str, Any]:
    return {"kind": EventKind.MANUAL, "payload": {}, "policy": QUICK}
