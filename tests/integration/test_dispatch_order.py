"""Deliveries with one order key run one at a time, also where they were written in another order than their ids say."""

from picloud.domain.ids import uuid7
from tests.integration.conftest import World
from tests.integration.test_dispatch_fence import OK, live, take
from tests.integration.test_dispatch_wakeup import fall_asleep


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


def test_the_next_of_a_key_runs_as_soon_as_the_first_is_cancelled(world: World) -> None:
    script = world.script(OK)
    lane = {"trigger_id": uuid7(), "principal_id": world.user_id, "order_key": "k"}
    first, following = world.enqueue(script, times=2, **lane)
    world.change("UPDATE outbox SET due = now() + interval '1 hour' WHERE id = :id", id=first)
    with world.node() as node:
        fall_asleep(world, node)
        assert not world.executions(following)
        with world.outbox(node) as outbox:
            outbox.cancel(world.app_id, first)
        world.until(lambda: world.executions(following))
