"""Who is served next: shares of apps, priorities, keys."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from picloud.dispatcher.claim import Claimed
from picloud.dispatcher.claim_sql import CLAIM
from picloud.domain.ids import uuid7
from tests.integration.claiming import SOURCE, Hands, backlog, hands, new_app
from tests.integration.conftest import World


@pytest.fixture
def node(world: World) -> Iterator[Hands]:
    with hands(world) as found:
        yield found


def of_apps(rows: list[Claimed]) -> Counter[UUID]:
    return Counter(row.app_id for row in rows)


def test_apps_share_the_room_whatever_waits_of_one(world: World, node: Hands) -> None:
    apps = [new_app(world) for _ in range(3)]
    for (app_id, script_id), count in zip(apps, (500, 30, 30), strict=True):
        backlog(world, app_id, script_id, count)
    rows = node.claim(30)
    assert of_apps(rows) == {app_id: 10 for app_id, _ in apps}
    assert [row.app_id for row in rows[:3]] != [rows[0].app_id] * 3, "the apps take turns"


def test_what_a_small_app_leaves_goes_to_the_others(world: World, node: Hands) -> None:
    (large, its_script), (small, other_script) = new_app(world), new_app(world)
    backlog(world, large, its_script, 100)
    backlog(world, small, other_script, 3)
    assert of_apps(node.claim(20)) == {large: 17, small: 3}
    assert of_apps(node.claim(20)) == {large: 20}


def test_more_apps_than_room_come_round_by_turns(world: World, node: Hands) -> None:
    for app_id, script_id in [new_app(world) for _ in range(5)]:
        backlog(world, app_id, script_id, 10)
    found = [of_apps(node.claim(2)) for _ in range(10)]
    assert all(set(one.values()) == {1} for one in found)
    assert set(sum(found, Counter()).values()) == {4}


def test_an_app_s_scripts_are_served_in_the_order_of_their_deliveries(world: World, node: Hands) -> None:
    app_id, first = new_app(world)
    second = world.script(SOURCE, "second", app_id=app_id)
    for script in (second, first, second, second, first):
        backlog(world, app_id, script, 1)
    world.change("""
        UPDATE outbox SET due = now() - interval '1 h' + n * interval '1 s'
        FROM (SELECT id AS own, row_number() OVER (ORDER BY created_at) AS n FROM outbox) AS numbered WHERE id = own
    """)
    assert [node.claim(1)[0].script_id for _ in range(5)] == [second, first, second, second, first]


def test_the_higher_priority_goes_first_and_within_it_the_older(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    other = world.script(SOURCE, "other", app_id=app_id)
    for script in (script_id, other):
        for priority in (2, 1, 0):
            backlog(world, app_id, script, 2, priority=priority)
    due = {str(row.id): (row.priority, row.due) for row in world.waiting()}
    served = [due[row.id] for _ in range(4) for row in node.claim(3)]
    assert served == sorted(due.values())


def test_priorities_give_an_app_no_larger_share(world: World, node: Hands) -> None:
    (loud, its_script), (quiet, other_script) = new_app(world), new_app(world)
    backlog(world, loud, its_script, 50, priority=0)
    backlog(world, quiet, other_script, 50, priority=2)
    assert of_apps(node.claim(10)) == {loud: 5, quiet: 5}


def test_of_one_key_only_the_oldest_is_claimed(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    backlog(world, app_id, script_id, 5, trigger_id=uuid4(), order_key="a")
    backlog(world, app_id, script_id, 2)
    oldest = min(row.id for row in world.waiting() if row.order_key)
    rows = node.claim(20)
    assert len(rows) == 3
    assert [row.id for row in rows if row.holds_back] == [str(oldest)]
    assert not node.claim(20)
    assert node.next_due_s() is None


def test_an_app_that_cannot_go_on_does_not_use_up_the_room_of_others(world: World, node: Hands) -> None:
    key = uuid4()
    for app_id, script_id in [new_app(world) for _ in range(4)]:
        backlog(world, app_id, script_id, 20, trigger_id=key if app_id.int % 2 else uuid4(), order_key="a")
    free, its_script = new_app(world)
    backlog(world, free, its_script, 5)
    node.claim(8)
    assert [of_apps(node.claim(1)) for _ in range(2)] == [Counter({free: 1})] * 2


def test_what_a_lost_node_held_goes_first_and_is_recorded(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    backlog(world, app_id, script_id, 5)
    backlog(world, app_id, script_id, 2, epoch=2_000_000, attempt=1)
    rows = node.claim(3)
    assert [row.lost_before for row in rows] == [True, True, False]
    assert [row.attempts.attempt for row in rows] == [2, 2, 1]
    assert {str(row.delivery_id) for row in world.executions()} == {row.id for row in rows[:2]}


def test_what_is_due_later_is_left_and_its_time_is_known(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    backlog(world, app_id, script_id, 3)
    world.change("UPDATE outbox SET due = now() + interval '1 h'")
    assert not node.claim(5)
    assert 3500 < (node.next_due_s() or 0) <= 3600


def test_two_claims_at_once_take_different_deliveries(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    backlog(world, app_id, script_id, 10)
    with hands(world) as other, node.claiming(4) as ours:
        theirs = other.claim(4)
    assert len({row.id for row in (*ours, *theirs)}) == 8


def test_what_a_claim_reads_does_not_grow_with_the_backlog(world: World, node: Hands) -> None:
    apps = [new_app(world) for _ in range(3)]
    for app_id, script_id in apps:
        backlog(world, app_id, script_id, 60)
        backlog(world, app_id, script_id, 60, priority=2)
    few = _pages(node)
    large, its_script = apps[1]
    backlog(world, large, its_script, 20_000)
    backlog(world, large, its_script, 20_000, priority=0)
    world.change("UPDATE outbox SET due = now() + interval '1 h' WHERE priority = 0")
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE outbox"))
    assert _pages(node) < few + 100


def test_of_a_crowded_key_the_first_is_claimed_and_then_the_next(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    backlog(world, app_id, script_id, 300, trigger_id=uuid7(), order_key="k")
    free, its_script = new_app(world)
    backlog(world, free, its_script, 3)
    oldest = [str(row.id) for row in world.rows("SELECT id FROM outbox WHERE order_key = 'k' ORDER BY id LIMIT 2")]
    node.claimer.crowds.claimed(took_s=1)
    rows = node.claim(8)
    assert of_apps(rows) == Counter({app_id: 1, free: 3})
    assert oldest[0] in {row.id for row in rows}
    assert not node.claim(8)
    world.change("DELETE FROM outbox WHERE epoch IS NOT NULL")
    assert (node.next_due_s() or 0) < 0
    assert [row.id for row in node.claim(8)] == oldest[1:]


def test_a_crowd_of_one_key_stands_in_nobodys_way(world: World, node: Hands) -> None:
    app_id, script_id = new_app(world)
    trigger_id = uuid7()
    backlog(world, app_id, script_id, 5_000, trigger_id=trigger_id, order_key="k")
    backlog(world, app_id, script_id, 20)
    world.change(
        "UPDATE outbox SET due = now() + interval '1 h' WHERE id = (SELECT min(id::text)::uuid FROM outbox WHERE order_key = 'k')"
    )
    world.change("UPDATE outbox SET due = due + interval '1 min' WHERE order_key IS NULL")
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE outbox"))
    assert 5 * _pages(node, f"{{{trigger_id}}}", "{k}") < _pages(node)


def _pages(node: Hands, *crowded: str) -> int:
    """Buffers that a claim of 20 reads."""
    keys = crowded or ("{}", "{}")
    arguments = (20, node.link.epoch, 30, "-infinity", "-infinity", str(UUID(int=0)), "{}", "{}", "{}", "{}", *keys)
    with node.cursor() as cursor:
        cursor.execute("BEGIN")
        CLAIM.execute(cursor, *arguments)
        assert len(cursor.fetchall()) == 20
        cursor.execute("ROLLBACK; BEGIN")
        marks = ", ".join(["%s"] * len(arguments))
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {CLAIM.name} ({marks})", arguments)
        [(plan,)] = cursor.fetchall()
        cursor.execute("ROLLBACK")
    top: dict[str, Any] = (plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
