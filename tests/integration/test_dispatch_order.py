"""Deliveries with one order key run one at a time, also where they were written in another order than their ids say."""

from picloud.domain.ids import uuid7
from tests.integration.conftest import World
from tests.integration.test_dispatch_fence import OK, live, take


def test_an_older_delivery_that_appears_while_a_later_one_runs_waits_and_stops_nobody(world: World) -> None:
    script = world.script(OK)
    lane = {"trigger_id": uuid7(), "principal_id": world.user_id, "order_key": "k"}
    older, later = world.enqueue(script, times=2, **lane)
    alive = live(world)
    take(world, later)
    [other] = world.enqueue(script)
    with world.node():
        world.until(lambda: world.executions(other))
        assert not world.executions(older)
        world.change("DELETE FROM outbox WHERE id = :id", id=later)
        world.enqueue(script)
        world.change("NOTIFY picloud_outbox, 'another node'")
        world.until(lambda: world.executions(older))
    alive.close()
