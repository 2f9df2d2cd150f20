"""Lists of executions, deliveries and dead letters: what narrows them, and what a record keeps."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.functional.bench import Bench
from tests.functional.client import eventually

LISTS = ("executions", "deliveries", "dead-letters")


def ids(bench: Bench, what: str, **query: object) -> set[str]:
    text = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    return {item["id"] for item in bench.owner.get(f"/apps/{bench.slug}/{what}?{text}")["items"]}


@pytest.fixture
def busy(bench: Bench) -> Bench:
    """Two calls; each writes to the store and sends a message that fails."""
    bench.script("watch", "return 1")
    bench.trigger("kv", script="watch", collection_glob="c")
    bench.script("work", "raise ValueError('%s is no 7' % ctx.event.queue.payload)")
    bench.trigger("queue", script="work", queue="jobs", max_attempts=1)
    bench.route("it", "ctx.kv('c').incr('k')\nctx.queue('jobs').send(ctx.event.http.json)\nreturn [ctx.event.trace_id]")
    return bench


def test_a_trace_is_followed_through_all_three(busy: Bench) -> None:
    [first], [second] = busy.call("it", 1), busy.call("it", 2)
    for trace in (first, second):
        eventually(lambda trace=trace: len(ids(busy, "executions", trace_id=trace)) == 3)
        kinds = {run["kind"] for run in busy.owner.get(f"/apps/{busy.slug}/executions?trace_id={trace}")["items"]}
        assert kinds == {"http", "kv", "queue"}
        assert len(ids(busy, "deliveries", trace_id=trace)) == 2
        assert len(ids(busy, "dead-letters", trace_id=trace)) == 1
    assert ids(busy, "deliveries", trace_id=first).isdisjoint(ids(busy, "deliveries", trace_id=second))
    for what in LISTS:
        assert not ids(busy, what, trace_id=uuid4())


def test_each_filter_of_executions(busy: Bench) -> None:
    busy.call("it", 1)
    busy.owner.put(f"/apps/{busy.slug}/scripts/watch", {"source": "def handler(ctx):\n    return 2\n"})
    busy.call("it", 2)
    everything = eventually(lambda: len(found := ids(busy, "executions")) == 6 and found)
    runs = {run["id"]: run for run in busy.owner.get(f"/apps/{busy.slug}/executions")["items"]}
    middle = sorted(run["started_at"] for run in runs.values())[3]

    def matching(**wanted: Any) -> set[str]:
        return {id_ for id_, run in runs.items() if all(run[name] == value for name, value in wanted.items())}

    one = next(run for run in runs.values() if run["kind"] == "queue")
    for name, value in (("script", "watch"), ("version", 2), ("status", "error"), ("kind", "kv"), ("kind", "email")):
        assert ids(busy, "executions", **{name: value}) == matching(**{name: value}), (name, value)
    for name in ("delivery_id", "trigger_id", "trace_id"):
        assert ids(busy, "executions", **{name: one[name]}) == matching(**{name: one[name]}), name
    since = ids(busy, "executions", since=middle)
    assert since == {id_ for id_, run in runs.items() if run["started_at"] >= middle}
    assert ids(busy, "executions", until=middle) == everything - since
    assert ids(busy, "executions", script="watch", version=1, kind="kv", status="ok") == matching(
        script="watch", version=1
    )
    assert ids(busy, "executions", until="1970-01-01T00:00:00Z", since="1970-01-01T00:00:00Z") == set()


def test_each_filter_of_deliveries_and_dead_letters(busy: Bench) -> None:
    busy.call("it", 1)
    eventually(lambda: ids(busy, "dead-letters"))
    eventually(lambda: len(ids(busy, "deliveries")) == 2)
    [letter] = busy.owner.get(f"/apps/{busy.slug}/dead-letters")["items"]
    matching = {
        "kind": "queue",
        "script": "work",
        "trigger_id": letter["trigger_id"],
        "trace_id": letter["trace_id"],
        "error_type": "ValueError",
        "error_contains": "is no 7",
        "since": letter["failed_at"],
        "until": "2999-01-01T00:00:00Z",
    }
    other = matching | {
        "kind": "kv",
        "script": "watch",
        "trigger_id": uuid4(),
        "trace_id": uuid4(),
        "error_type": "Value",
        "error_contains": "is no%",
        "since": "2999-01-01T00:00:00Z",
        "until": letter["failed_at"],
    }
    for name, value in matching.items():
        assert ids(busy, "dead-letters", **{name: value}) == {letter["id"]}, name
        assert ids(busy, "dead-letters", **{name: other[name]}) == set(), name
    for name in ("kind", "script", "trigger_id"):
        assert ids(busy, "deliveries", **{name: matching[name]}) == {letter["id"]}, name
        assert letter["id"] not in ids(busy, "deliveries", **{name: other[name]}), name
    assert ids(busy, "deliveries", state="dead", kind="queue") == {letter["id"]}
    assert ids(busy, "deliveries", state="delivered", kind="queue") == set()


@pytest.mark.parametrize("what", LISTS)
def test_pages_and_unknown_filters(busy: Bench, what: str) -> None:
    for n in range(3):
        busy.call("it", n)
    eventually(lambda: len(ids(busy, "dead-letters")) == 3 and len(ids(busy, "executions")) == 9)
    everything = [item["id"] for item in busy.owner.get(f"/apps/{busy.slug}/{what}")["items"]]
    paged, after = [], ""
    while after is not None:
        page = busy.owner.get(f"/apps/{busy.slug}/{what}?limit=2" + (f"&after={after}" if after else ""))
        paged += [item["id"] for item in page["items"]]
        after = page["next"]
    assert paged == everything == sorted(everything, reverse=True)
    problem = busy.owner.get(f"/apps/{busy.slug}/{what}?scrpt=watch", status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/scrpt"]
    busy.owner.get(f"/apps/{busy.slug}/{what}?trace_id=x", status=422)


def test_each_attempt_shows_its_error_and_traceback(bench: Bench) -> None:
    bench.script("work", "raise ValueError('try %s' % ctx.event.attempt)")
    bench.trigger("queue", script="work", queue="jobs", max_attempts=3)
    bench.route("it", "ctx.queue('jobs').send(1)")
    bench.call("it", status=204)
    [letter] = eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"])
    for path in (f"dead-letters/{letter['id']}", f"deliveries/{letter['id']}"):
        attempts = bench.owner.get(f"/apps/{bench.slug}/{path}")["attempts"]
        assert [attempt["error"]["message"] for attempt in attempts] == ["try 1", "try 2", "try 3"]
        assert all("line 2" in attempt["error"]["traceback"] for attempt in attempts)


def test_a_large_call_is_kept_as_its_start_and_says_so(bench: Bench) -> None:
    bench.route("it", "return 'x' * 60_000 + ctx.event.http.text[:9]")
    answer = bench.app.post(f"/run/{bench.slug}/it", "y" * 2_000_000)
    assert len(answer.text) == 60_009
    [run] = eventually(lambda: bench.executions("http"))
    assert (run["event"]["truncated"], run["event"]["http"]["truncated"]) == (True, True)
    assert run["event"]["http"]["path"] == "/it"
    assert run["event"]["http"]["size_bytes"] == 2_000_000
    assert len(run["event"]["http"]["body_base64"]) == 4096


def test_a_small_call_is_kept_whole(bench: Bench) -> None:
    bench.route("it", "return ctx.event.http.json")
    bench.call("it", {"a": 1})
    [run] = eventually(lambda: bench.executions("http"))
    assert "truncated" not in run["event"]
    assert run["result"] == {"a": 1}
