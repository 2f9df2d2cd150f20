"""Claims that start above what has ended skip nothing for good."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picloud.dispatcher import low_water
from tests.integration.claiming import Hands, backlog, hands, new_app
from tests.integration.conftest import World

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([0.0, 5.0, 5000.0])),
        st.tuples(st.just("claim"), st.integers(1, 6)),
        st.tuples(st.just("deliver"), st.integers(0, 6)),
        st.tuples(st.just("give back"), st.integers(0, 6)),
        st.tuples(st.just("lose"), st.integers(0, 6)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 2.0])),
    ),
    min_size=5,
    max_size=30,
)


@pytest.fixture
def node(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """Its marks are in use from the first claim on, and stay so."""
    monkeypatch.setattr(low_water, "WORTH_S", -1.0)
    monkeypatch.setattr(low_water, "EVERY_ROWS", 3)
    with hands(world) as found:
        yield found


def add(world: World, apps: list[tuple[UUID, UUID]], late_s: float) -> None:
    """One delivery for each app, committed long after it was due: a transaction that took its time."""
    for app_id, script_id in apps:
        backlog(world, app_id, script_id, 1)
    world.change(
        "UPDATE outbox SET due = now() - make_interval(secs => :late_s) WHERE due < now() - interval '30 min' AND epoch IS NULL"
        " AND attempt = 0 AND NOT manual",
        late_s=late_s,
    )
    world.change("UPDATE outbox SET manual = true")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_everything_is_claimed_in_the_end(
    world: World, node: Hands, steps: list[tuple[str, float]]
) -> None:
    world.change("TRUNCATE outbox")
    apps = [new_app(world) for _ in range(2)]
    held: list[str] = []
    for step, value in steps:
        some = held[: int(value)]
        match step:
            case "add":
                add(world, apps, value)
            case "claim":
                held += [row.id for row in node.claim(int(value))]
            case "deliver":
                world.change("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS uuid[]))", ids=some)
                held = held[len(some) :]
            case "give back":
                world.change(
                    "UPDATE outbox SET epoch = NULL, due = now() WHERE id = ANY(CAST(:ids AS uuid[]))", ids=some
                )
                held = held[len(some) :]
            case "lose":
                world.change("UPDATE outbox SET due = now() WHERE id = ANY(CAST(:ids AS uuid[]))", ids=some)
                held = held[len(some) :]
            case "wait":
                node.later_s += value
    waiting = {str(row.id) for row in world.waiting()} - set(held)
    found: set[str] = set()
    for _ in range(3):
        found |= {row.id for row in node.claim(200)}
        seconds = node.next_due_s()
        node.later_s += low_water.LATE_S if seconds is None else min(max(0.0, seconds), low_water.LATE_S)
    assert found == waiting


def test_what_comes_late_is_looked_for_without_being_told(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    backlog(world, app_id, script_id, 5)
    assert len(node.claim(4)) == 4
    assert len(node.claim(4)) == 1
    backlog(world, app_id, script_id, 1)
    world.change("UPDATE outbox SET due = now() - interval '2 h' WHERE epoch IS NULL")
    assert not node.claim(4), "below the marks"
    seconds = node.next_due_s()
    assert seconds is not None
    assert 0 < seconds <= low_water.LATE_S
    node.later_s += seconds
    assert len(node.claim(4)) == 1


def test_there_is_an_end_to_looking(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    backlog(world, app_id, script_id, 4)
    node.claim(10)
    world.change("DELETE FROM outbox")
    node.later_s += 10
    assert not node.claim(10)
    assert node.next_due_s() is None


def test_without_need_there_are_no_marks(world: World) -> None:
    app_id, script_id = new_app(world)
    with hands(world) as node:
        for _ in range(12):
            backlog(world, app_id, script_id, 200)
            assert len(node.claim(200)) == 200
            world.change(
                "UPDATE outbox SET epoch = NULL, due = now() - interval '2 h' WHERE id = (SELECT id FROM outbox LIMIT 1)"
            )
            assert len(node.claim(1)) == 1
