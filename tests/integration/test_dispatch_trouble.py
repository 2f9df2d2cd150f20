"""What becomes of a delivery that could not be run for reasons that are not the handler's."""

import logging

import pytest
from sqlalchemy import text

from picloud.dispatcher.attempt import SHORT_PAUSE_S, Attempter
from picloud.dispatcher.verdict import PutBack
from picloud.domain.delivery import RetryPolicy
from picloud.models.engine import make_engine
from picloud.services.code.app_code import AppCodeCache
from tests.integration.claiming import hands
from tests.integration.conftest import World

OTHER_STORES = """
    INSERT INTO kv_entries (app_id, collection, key, value, version, size_bytes) VALUES (:app_id, 'c', 'k', '2', 1, 1)
"""
NOBODY_THERE = "postgresql://nobody@127.0.0.1:9/nothing"
STORES = "def handler(ctx):\n    ctx.kv('c').set('k', 1)"
WAITING = """
    SELECT FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE '%kv_entries%'
"""


def test_what_the_database_refused_is_not_tried_again_all_at_the_same_time(world: World) -> None:
    world.enqueue(world.script(STORES), times=8)
    away = make_engine(NOBODY_THERE, pool_size=1)
    attempter = Attempter(away, world.idle_node.gate, AppCodeCache(away), world.idle_node.effects)
    with hands(world) as hand:
        verdicts = [attempter.attempt(row).verdict for row in hand.claim(8)]
    pauses_s = {verdict.delay_s for verdict in verdicts if isinstance(verdict, PutBack)}
    assert len(pauses_s) == 8
    assert all(SHORT_PAUSE_S / 2 <= pause_s <= SHORT_PAUSE_S * 1.5 for pause_s in pauses_s)


def test_a_run_that_goes_on_while_its_app_is_deleted_ends_with_one_quiet_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    [delivery] = world.enqueue(world.script(STORES))
    with world.sessions.begin() as session:
        session.execute(text("SELECT FROM apps WHERE id = :id FOR UPDATE"), {"id": world.app_id})
        with world.node():
            world.until(lambda: world.rows(WAITING))
            session.execute(text("DELETE FROM apps WHERE id = :id"), {"id": world.app_id})
            session.commit()
    lines = [record for record in caplog.records if record.name == "picloud.dispatcher.attempt"]
    assert [line.levelno for line in lines if line.fields["delivery_id"] == str(delivery)] == [logging.INFO]
    assert not world.executions()


def test_a_node_that_hangs_amid_a_run_lets_go_of_what_it_locked_soon_after_the_end_of_that(world: World) -> None:
    script = world.script(STORES)
    policy = RetryPolicy(max_attempts=3, backoff_base_s=0.01, backoff_cap_s=0.02, timeout_s=1)
    with world.node(gated=True) as node:
        [delivery] = world.enqueue(script, policy=policy, node=node)
        node.gate.wait_until_reached()
        world.change(OTHER_STORES, app_id=world.app_id)  # waits; no statement may wait for as long as 30 s
        node.gate.opened.set()
        world.until(lambda: not world.waiting())
    assert [run.attempt for run in world.executions(delivery)] == [1]
    assert [row.value for row in world.rows("SELECT value FROM kv_entries")] == [1]
