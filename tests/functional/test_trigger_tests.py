"""Trying a trigger out: a sample event of its kind, delivered for real."""

from typing import Any

import pytest

from tests.functional.bench import Bench
from tests.functional.client import eventually


def tried(bench: Bench, kind: str, body: Any = None, status: int = 202, **fields: Any) -> Any:
    bench.script("it", "return [ctx.event.kind, ctx.event[ctx.event.kind]]")
    trigger = bench.trigger(kind, script="it", **fields)
    return bench.owner.post(f"/apps/{bench.slug}/triggers/{trigger['id']}/test", body, status=status)


@pytest.mark.parametrize(
    ("kind", "fields", "own", "seen"),
    [
        ("email", {}, {"subject": "Mine"}, {"subject": "Mine", "from": "sample@example.com"}),
        ("cron", {"schedule": "@yearly"}, {"late_by_s": 7}, {"schedule": "@yearly", "late_by_s": 7}),
        (
            "kv",
            {"collection_glob": "c*"},
            {"key": "k", "op": "delete"},
            {"collection": "csample", "key": "k", "op": "delete"},
        ),
        ("queue", {"queue": "jobs"}, {"payload": [1]}, {"name": "jobs", "payload": [1]}),
        ("dead_letter", {}, {"attempts": 3}, {"attempts": 3, "script": "sample"}),
    ],
)
def test_fields_of_the_event_can_be_given(bench: Bench, kind: str, fields: Any, own: Any, seen: Any) -> None:
    queued = tried(bench, kind, {"event": {"kind": kind, kind: own}}, **fields)
    [run] = eventually(lambda: bench.executions(kind))
    assert (run["delivery_id"], run["result"][0]) == (queued["delivery_id"], kind)
    part = run["result"][1]
    assert {name: part[name] for name in seen} == seen


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"event": {"kind": "cron"}}, "/event/kind"),
        ({"event": {"email": {}}}, "/event/email"),
        ({"event": {"kv": {"op": "upsert"}}}, "/event/kv/op"),
        ({"event": {"kv": []}}, "/event/kv"),
        ({"event": {"id": "x"}}, "/event/id"),
        ({"events": {}}, "/events"),
        ([], ""),
    ],
)
def test_a_wrong_body_is_422_with_a_pointer(bench: Bench, body: Any, pointer: str) -> None:
    problem = tried(bench, "kv", body, status=422, collection_glob="c")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_sync_trigger_is_tried_out_by_a_delivery(bench: Bench) -> None:
    tried(bench, "kv", collection_glob="c", dispatch_mode="sync", enabled=False)
    [run] = eventually(lambda: bench.executions("kv"))
    assert run["status"] == "ok"


def test_the_attempts_and_the_dead_letter_are_real(bench: Bench) -> None:
    bench.script("bad", "raise ValueError('no')")
    trigger = bench.trigger("cron", script="bad", schedule="@yearly", max_attempts=2)
    queued = bench.owner.post(f"/apps/{bench.slug}/triggers/{trigger['id']}/test", status=202)
    [letter] = eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"])
    assert letter["id"] == queued["delivery_id"]
    assert len(bench.executions("cron")) == 2
