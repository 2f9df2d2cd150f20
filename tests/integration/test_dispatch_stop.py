"""A graceful end: what runs is settled, the rest goes back."""

import threading

from tests.integration.conftest import World

OK = "def handler(ctx):\n    return ctx.event.attempt"


def test_what_runs_is_settled_and_what_waits_goes_back(world: World) -> None:
    world.enqueue(world.script(OK), times=6)
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        node.gate.wait_until_reached()
        stopping = threading.Thread(target=node.dispatcher.stop, args=(60,))
        stopping.start()
        world.until(lambda: sum(row.epoch is None for row in world.waiting()) == 4)
        node.gate.opened.set()
        stopping.join(60)
        assert not stopping.is_alive()
    left = world.waiting()
    assert [(row.attempt, row.later) for row in left] == [(0, False)] * 4
    assert [run.status for run in world.executions()] == ["ok", "ok"]
    with world.node():
        world.until(lambda: not world.waiting())
    assert [(run.attempt, run.status) for run in world.executions()] == [(1, "ok")] * 6


def test_what_does_not_end_in_time_goes_back_too(world: World) -> None:
    [delivery] = world.enqueue(world.script(OK))
    with world.node(gated=True, lease_s=600) as node:
        node.gate.wait_until_reached()
        node.dispatcher.stop(0.1)
        [row] = world.waiting()
        assert (row.id, row.attempt, row.epoch, row.later) == (delivery, 0, None, False)
        node.gate.opened.set()
    assert not world.executions()
    with world.node():
        world.until(lambda: not world.waiting())
    assert [(run.attempt, run.status) for run in world.executions()] == [(1, "ok")]
