"""What runs leave behind: execution rows, whatever handlers return and whenever the database is there."""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from picloud.domain.ids import uuid7
from picloud.postgres.cluster import Cluster
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Outcome, Status
from picloud.services.code.runner import RunResult
from picloud.services.executions.recorder import BATCH_S, Recorder
from picloud.services.executions.rows import ExecutionRow, execution_row
from tests.integration.conftest import QUICK, World

NOT_JSON = b'{"half":'


@pytest.fixture
def recorder(engine: Engine) -> Iterator[Recorder]:
    recorder = Recorder(engine)
    yield recorder
    recorder.close()


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Cluster]:
    """A server that the test may stop."""
    yield cluster
    cluster.start()


def call(world: World, result: bytes = b"1") -> ExecutionRow:
    """The record of a call by HTTP."""
    outcome = Outcome(Status.ok, Limits(), result=result)
    run = RunResult(uuid7(), world.app_id, uuid7(), "main", 1, datetime.now(UTC), outcome)
    event = b'{"http": {"path": "/\\u0000\\ud800"}}'
    return execution_row(run, kind="http", event_id=uuid7(), trace_id=uuid7(), event=event)


def test_calls_are_recorded_in_batches(world: World, recorder: Recorder) -> None:
    rows = [call(world, str(n).encode()) for n in range(250)]
    for row in rows:
        recorder.add(row)
    recorder.close()
    found = {row.id: row for row in world.executions()}
    assert set(found) == {row.id for row in rows}
    first = found[rows[0].id]
    assert (first.kind, first.delivery_id, first.attempt, first.result) == ("http", None, 1, 0)
    assert first.event == {"http": {"path": "/\x00\ud800"}}


def test_a_record_that_cannot_be_stored_takes_no_other_with_it(world: World, recorder: Recorder) -> None:
    good, bad, fine = call(world), call(world, NOT_JSON), call(world)
    for row in (good, bad, fine):
        recorder.add(row)
    world.until(lambda: len(world.executions()) == 2)
    recorder.add(call(world))
    world.until(lambda: len(world.executions()) == 3)
    assert {good.id, fine.id} <= {row.id for row in world.executions()}


def test_records_wait_for_the_database(world: World, recorder: Recorder, server: Cluster) -> None:
    server.stop()
    for _ in range(3):
        recorder.add(call(world))
    time.sleep(5 * BATCH_S)  # so that it tries
    server.start()
    world.until(lambda: len(world.executions()) == 3)


def test_what_waits_is_bounded(world: World, server: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    server.stop()
    recorder = Recorder(world.engine, max_bytes=3 * call(world).size_bytes())
    for _ in range(5):
        recorder.add(call(world))
    server.start()
    recorder.close()
    assert len(world.executions()) <= 4
    assert "too many wait" in caplog.text


def test_a_result_that_cannot_be_stored_does_not_hold_up_its_batch(world: World) -> None:
    def spoil(run: RunResult) -> RunResult:
        broken = run.outcome.result == b"0"
        return replace(run, outcome=replace(run.outcome, result=NOT_JSON)) if broken else run

    script = world.script("def handler(ctx):\n    return ctx.event.manual.n")
    deliveries = [world.enqueue(script, {"n": n})[0] for n in range(4)]
    with world.node(gated=True) as node:
        node.gate.changed = spoil
        node.gate.opened.set()
        world.until(lambda: not world.waiting())
    runs = {run.delivery_id: run for run in world.executions()}
    assert set(runs) == set(deliveries)
    assert runs[deliveries[0]].error["type"] == "RecordError"
    assert [runs[delivery].result for delivery in deliveries] == [None, 1, 2, 3]
    assert not world.dead()


def test_a_failure_of_our_own_counts_as_an_attempt(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: RunResult) -> Any:
        raise ZeroDivisionError

    [delivery] = world.enqueue(world.script("def handler(ctx):\n    return 1"), policy=replace(QUICK, max_attempts=2))
    with world.node(gated=True) as node:
        node.gate.changed = fail
        node.gate.opened.set()
        world.until(world.dead)
    assert [(run.status, run.error["type"]) for run in world.executions(delivery)] == [("crash", "InternalError")] * 2
    assert "ZeroDivisionError" in caplog.text


def test_every_execution_is_one_line_of_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "picloud.execution")
    [delivery] = world.enqueue(world.script("def handler(ctx):\n    return 1"))
    with world.node():
        world.until(lambda: not world.waiting())
    told = [record.fields for record in caplog.records if record.name == "picloud.execution"]  # type: ignore[attr-defined]
    [fields] = [each for each in told if each["delivery_id"] == str(delivery)]
    [run] = world.executions(delivery)
    assert fields["execution_id"] == str(run.id)
    assert (fields["script"], fields["status"], fields["attempt"]) == ("main", "ok", 1)


@pytest.mark.parametrize("text", ["a\x00b", "\U0001f600 é", '"\\', "\x1b[2J\r\n", "{}", "\u2028"])
def test_whatever_a_handler_says_is_kept(world: World, text: str) -> None:
    script = world.script(
        "def handler(ctx):\n"
        "    text = ctx.event.manual.text\n"
        "    ctx.log.info(text, **{'field': text})\n"
        "    print(text)\n"
        "    if ctx.event.attempt == 1:\n"
        "        raise ValueError(text)\n"
        "    return {text: [text]}\n"
    )
    [delivery] = world.enqueue(script, {"text": text})
    with world.node():
        world.until(lambda: not world.waiting())
    failed, done = world.executions(delivery)
    assert (failed.status, done.status) == ("error", "ok")
    assert failed.error["type"] == "ValueError"
    assert len(failed.logs) == len(done.logs) == 2
    assert failed.error["message"] == done.logs[0]["fields"]["field"] == text
    assert done.result == {text: [text]}
