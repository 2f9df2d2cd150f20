"""A delivery's way through claim, run and settle."""

import os

import pytest

from picloud.domain.delivery import RetryPolicy
from picloud.domain.errors import Conflict
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind
from tests.integration.conftest import World

ECHO = """
def handler(ctx):
    ctx.log.info("seen", n=ctx.event.manual["n"])
    return {"kind": ctx.event.kind, "attempt": ctx.event.attempt, "n": ctx.event.manual.n, "by": ctx.principal,
            "event_id": ctx.event.id, "depth": ctx.event.depth, "script": ctx.script, "version": ctx.version}
"""


def test_a_delivery_runs_once_and_leaves_one_execution(world: World) -> None:
    script = world.script(ECHO)
    [delivery] = world.enqueue(script, {"n": 7}, principal_id=world.user_id, depth=3)
    with world.node():
        [execution] = world.until(lambda: world.executions(delivery))
        world.until(lambda: not world.waiting())
    [event] = world.rows("SELECT * FROM events")
    assert execution.result == {
        "kind": "manual", "attempt": 1, "n": 7, "by": "ada@example.com", "event_id": str(event.id), "depth": 3,
        "script": "main", "version": 1,
    }  # fmt: skip
    assert (execution.status, execution.version, execution.script) == ("ok", 1, "main")
    assert (execution.attempt, execution.max_attempts, execution.manual) == (1, 3, False)
    assert (execution.event_id, execution.trace_id, execution.app_id) == (event.id, event.trace_id, world.app_id)
    assert execution.event is None
    assert execution.logs[0]["message"] == "seen"
    assert execution.limits["wall_ms"] == 10_000
    assert execution.wall_ms > 0
    assert not world.dead()


def test_every_delivery_of_a_backlog_runs_once(world: World) -> None:
    script = world.script("def handler(ctx):\n    return ctx.event.manual.n")
    deliveries = [world.enqueue(script, {"n": n})[0] for n in range(120)]
    with world.node(dispatch_batch=10), world.node(dispatch_batch=10):
        world.until(lambda: not world.waiting())
    done = world.executions()
    assert sorted(row.delivery_id for row in done) == sorted(deliveries)
    assert sorted(row.result for row in done) == list(range(120))


def test_what_fails_is_tried_again_and_ends_as_a_dead_letter(world: World) -> None:
    script = world.script("def handler(ctx):\n    raise ValueError('no ' + str(ctx.event.attempt))")
    [delivery] = world.enqueue(script, {"text": "a\ud800b\x00c"}, depth=2)
    with world.node():
        [letter] = world.until(world.dead)
    runs = world.executions(delivery)
    assert [(run.attempt, run.status, run.error["message"]) for run in runs] == [
        (1, "error", "no 1"),
        (2, "error", "no 2"),
        (3, "error", "no 3"),
    ]
    assert not world.waiting()
    assert (letter.id, letter.state, letter.attempt, letter.max_attempts) == (delivery, "dead", 3, 3)
    assert (letter.error["type"], letter.error["message"], letter.error["line"]) == ("ValueError", "no 3", 2)
    [event] = world.rows("SELECT * FROM events")
    assert letter.event["manual"] == {"text": "a\ud800b\x00c"}
    assert letter.event["id"] == str(event.id)
    assert (letter.event["kind"], letter.event["depth"]) == ("manual", 2)
    assert letter.event["occurred_at"].endswith("Z")
    assert letter.trace_id == event.trace_id


def test_a_retry_waits_for_its_pause(world: World) -> None:
    script = world.script("def handler(ctx):\n    raise ValueError")
    policy = RetryPolicy(max_attempts=2, backoff_base_s=1000, backoff_cap_s=5000, timeout_s=10)
    [delivery] = world.enqueue(script, policy=policy)
    with world.node():
        world.until(lambda: world.executions(delivery))
        [row] = world.waiting()
        assert (row.attempt, row.epoch) == (1, None)
        [(pause_s,)] = world.rows("SELECT extract(epoch FROM due - now()) FROM outbox")
        assert 490 < pause_s <= 1000
    world.change("UPDATE outbox SET due = now() + interval '0.3 s'")
    with world.node():
        world.until(world.dead)


def test_fail_is_a_dead_letter_at_once(world: World) -> None:
    script = world.script("def handler(ctx):\n    ctx.fail('not wanted')")
    [delivery] = world.enqueue(script)
    with world.node():
        [letter] = world.until(world.dead)
    assert [run.attempt for run in world.executions(delivery)] == [1]
    assert letter.attempt == 1
    assert "not wanted" in letter.error["message"]


def test_retry_keeps_to_its_own_pause_and_counts(world: World) -> None:
    script = world.script("def handler(ctx):\n    ctx.retry(after_s=0.01 if ctx.event.attempt == 1 else 900)")
    [delivery] = world.enqueue(script, policy=RetryPolicy(3, 5000, 5000, 10))
    with world.node():
        world.until(lambda: len(world.executions(delivery)) == 2 and not world.waiting()[0].epoch)
    [row] = world.waiting()
    assert row.attempt == 2
    [(pause_s,)] = world.rows("SELECT extract(epoch FROM due - now()) FROM outbox")
    assert 800 < pause_s <= 900


def test_a_handler_over_its_limits_is_a_failed_attempt(world: World) -> None:
    script = world.script("def handler(ctx):\n    while True:\n        pass")
    [delivery] = world.enqueue(script, policy=RetryPolicy(1, 1, 1, 0.2))
    with world.node():
        [letter] = world.until(world.dead)
    [run] = world.executions(delivery)
    assert run.status == "wall"
    assert run.limits["wall_ms"] == 200
    assert letter.error["status"] == "wall"


def test_an_aborted_http_call_is_not_tried_again(world: World) -> None:
    script = world.script("def handler(ctx):\n    ctx.abort(404, 'no such thing')")
    http = {
        "method": "GET",
        "path": "/",
        "params": {},
        "query": {},
        "headers": {},
        "body_base64": "",
        "client_ip": None,
    }
    [delivery] = world.enqueue(script, http, kind=EventKind.HTTP)
    with world.node():
        [letter] = world.until(world.dead)
    assert letter.id == delivery
    assert len(world.executions(delivery)) == 1


def test_the_active_version_of_the_moment_runs(world: World) -> None:
    script = world.script("def handler(ctx):\n    return 1")
    with world.node() as node:
        [first] = world.enqueue(script, node=node)
        world.until(lambda: world.executions(first))
        world.save(script, "def handler(ctx):\n    return 2", node.sessions)
        [second] = world.enqueue(script, node=node)
        [run] = world.until(lambda: world.executions(second))
    assert (run.version, run.result) == (2, 2)


def test_a_large_event_arrives_whole(world: World) -> None:
    script = world.script("def handler(ctx):\n    return ctx.event.manual.text[-3:] + str(len(ctx.event.manual.text))")
    noise = os.urandom(200_000).hex() + "é\u2028!"
    [delivery] = world.enqueue(script, {"text": noise})
    with world.node():
        [run] = world.until(lambda: world.executions(delivery))
    assert run.result == "é\u2028!400003"


def test_a_delivery_without_its_event_is_a_dead_letter(world: World) -> None:
    [delivery] = world.enqueue(world.script("def handler(ctx):\n    return 1"))
    world.change("DELETE FROM events")
    with world.node():
        [letter] = world.until(world.dead)
    assert (letter.id, letter.attempt, letter.event, letter.error["type"]) == (delivery, 1, None, "EventGone")
    [run] = world.executions(delivery)
    assert (run.attempt, run.status, run.version, run.error["type"]) == (1, "error", None, "EventGone")
    with pytest.raises(Conflict):
        world.replay(delivery)
    assert world.dead()


def test_a_delivery_whose_principal_was_disabled_is_an_attempt_on_record(world: World) -> None:
    script = world.script("def handler(ctx):\n    return 1")
    world.change("UPDATE users SET disabled_at = now()")
    [delivery] = world.enqueue(script, trigger_id=uuid7(), principal_id=world.user_id)
    with world.node():
        [letter] = world.until(world.dead)
    [run] = world.executions(delivery)
    assert (run.attempt, run.status, run.script, run.version) == (1, "error", "main", None)
    assert run.error["type"] == letter.error["type"] == "PrincipalRefused"
    assert run.error["message"] == letter.error["message"]
    assert (letter.attempt, letter.version) == (1, None)


def test_nothing_can_be_run_nothing_is_lost(world: World) -> None:
    script = world.script("def handler(ctx):\n    return 1")
    world.change("UPDATE scripts SET kind = 'module'")
    [delivery] = world.enqueue(script)
    with world.node():
        row = world.until(lambda: [row for row in world.waiting() if row.later and row.epoch is None])[0]
    assert (row.id, row.attempt) == (delivery, 0)
    assert not world.executions()


def test_deliveries_with_one_key_follow_each_other_at_once(world: World) -> None:
    script = world.script("def handler(ctx):\n    return ctx.event.manual.n")
    trigger_id = world.user_id
    keyed = {"trigger_id": trigger_id, "principal_id": world.user_id, "order_key": "a"}
    for n in range(4):
        world.enqueue(script, {"n": n}, **keyed)
    with world.node():
        world.until(lambda: not world.waiting())
    done = sorted(world.executions(), key=lambda run: run.started_at)
    assert [run.result for run in done] == [0, 1, 2, 3]
