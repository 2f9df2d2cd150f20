"""What people do with deliveries that failed: retry, cancel, replay one or many, discard."""

from typing import Any

import pytest

from picloud.process import Process
from tests.functional.bench import Bench
from tests.functional.client import eventually

NOW = "2999-01-01T00:00:00Z"


@pytest.fixture
def jobs(bench: Bench) -> Bench:
    """A queue whose messages `{"fail": type}` fail with an error of this type."""
    bench.script(
        "work",
        "fail = ctx.event.queue.payload['fail']\nif fail:\n    raise {'V': ValueError, 'K': KeyError}[fail](fail)",
    )
    bench.trigger("queue", script="work", queue="jobs", max_attempts=1)
    bench.route("send", "for fail in ctx.event.http.json:\n    ctx.queue('jobs').send({'fail': fail})")
    return bench


def letters(bench: Bench, count: int, query: str = "") -> Any:
    def found() -> Any:
        items = bench.owner.get(f"/apps/{bench.slug}/dead-letters{query}")["items"]
        return [items] if len(items) == count else None

    return eventually(found)[0]


def fix(bench: Bench, body: str = "return 1") -> None:
    source = f"def handler(ctx):\n    {body}\n"
    bench.owner.put(f"/apps/{bench.slug}/scripts/work", {"source": source})


def test_many_by_a_filter(jobs: Bench) -> None:
    jobs.call("send", ["V", "K", "V"], status=204)
    letters(jobs, 3)
    fix(jobs)
    path = f"/apps/{jobs.slug}/dead-letters/replay"
    wanted = {"error_type": "ValueError", "source_kind": "queue", "script": "work", "until": NOW}
    answer = jobs.owner.post(path, {"filter": wanted}, status=202)
    assert answer == {"replayed": 2, "more": False, "version": "current"}
    [kept] = letters(jobs, 1)
    assert (kept["error"]["type"], kept["version"]) == ("KeyError", 1)
    runs = eventually(
        lambda: (
            len(found := jobs.owner.get(f"/apps/{jobs.slug}/executions?status=ok&kind=queue")["items"]) == 2 and found
        )
    )
    assert {(run["version"], run["attempt"]) for run in runs} == {(2, 2)}
    [delivery] = [
        d for d in jobs.owner.get(f"/apps/{jobs.slug}/deliveries")["items"] if d["id"] == runs[0]["delivery_id"]
    ]
    assert delivery["state"] == "delivered"
    assert [(a["attempt"], a["manual"], a["version"]) for a in delivery["attempts"]] == [(1, False, 1), (2, True, 2)]
    assert "ValueError" in delivery["attempts"][0]["error"]["traceback"]
    assert jobs.owner.post(path, {"filter": {}, "limit": 1, "rate_per_s": 5}, status=202)["replayed"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/filter"),
        ({"filter": None}, "/filter"),
        ({"filter": {"knd": "kv"}}, "/filter/knd"),
        ({"filter": {"kind": "post"}}, "/filter/kind"),
        ({"filter": {"kind": "kv", "source_kind": "queue"}}, "/filter/source_kind"),
        ({"filter": {"kind": None}}, "/filter/kind"),
        ({"filter": {"script": ""}}, "/filter/script"),
        ({"filter": {"since": "2026-01-01T00:00:00"}}, "/filter/since"),
        ({"filter": {"ids": []}}, "/filter/ids"),
        ({"filter": {"ids": ["x"]}}, "/filter/ids"),
        ({"filter": {}, "rate_per_s": 0}, "/rate_per_s"),
        ({"filter": {}, "limit": 0}, "/limit"),
        ({"filter": {}, "version": 3}, "/version"),
        ({"filter": {}, "versoin": "original"}, "/versoin"),
    ],
)
def test_a_filter_that_is_wrong_replays_nothing(bench: Bench, body: Any, pointer: str) -> None:
    problem = bench.owner.post(f"/apps/{bench.slug}/dead-letters/replay", body, status=422)
    [error] = problem["errors"]
    assert error["pointer"].startswith(pointer)


def test_one_on_the_original_version(jobs: Bench) -> None:
    jobs.call("send", ["V"], status=204)
    [letter] = letters(jobs, 1)
    fix(jobs)
    path = f"/apps/{jobs.slug}/dead-letters/{letter['id']}"
    jobs.owner.post(f"{path}/replay", {"version": "newest"}, status=422)
    queued = jobs.owner.post(f"{path}/replay", {"version": "original"}, status=202)
    assert queued == {"delivery_id": letter["id"], "status": "queued"}
    again = eventually(lambda: [item for item in letters(jobs, 1) if item["attempt"] == 2])[0]
    assert (again["id"], again["version"]) == (letter["id"], 1)
    jobs.owner.post(f"{path}/replay", status=202)
    delivery = f"/apps/{jobs.slug}/deliveries/{letter['id']}"
    eventually(lambda: jobs.owner.get(delivery)["state"] == "delivered")
    jobs.owner.post(f"{path}/replay", status=404)
    jobs.owner.delete(path, status=409)
    jobs.owner.post(f"/apps/{jobs.slug}/dead-letters/x/replay", status=404)


def test_retry_and_cancel_by_state(jobs: Bench, process: Process) -> None:
    jobs.call("send", ["V"], status=204)
    [letter] = letters(jobs, 1)
    path = f"/apps/{jobs.slug}/deliveries/{letter['id']}"
    for what in ("retry", "cancel"):
        problem = jobs.owner.post(f"{path}/{what}", status=409)
        assert "dead" in problem["detail"]
        assert "Replay" in problem["detail"]
    jobs.owner.delete(f"/apps/{jobs.slug}/dead-letters/{letter['id']}")
    assert "discarded" in jobs.owner.post(f"{path}/retry", status=409)["detail"]
    jobs.owner.post(f"/apps/{jobs.slug}/dead-letters/{letter['id']}/replay", status=409)
    jobs.call("send", [None], status=204)
    done = eventually(lambda: jobs.owner.get(f"/apps/{jobs.slug}/deliveries?state=delivered")["items"])[0]
    assert "delivered" in jobs.owner.post(f"/apps/{jobs.slug}/deliveries/{done['id']}/retry", status=409)["detail"]
    jobs.route("later", "ctx.queue('jobs').send({'fail': None}, delay_s=3600)")
    for _ in range(2):
        jobs.call("later", status=204)
    first, second = jobs.owner.get(f"/apps/{jobs.slug}/deliveries?state=ready")["items"]
    assert jobs.owner.post(f"/apps/{jobs.slug}/deliveries/{first['id']}/retry", status=202)["id"] == first["id"]
    eventually(lambda: jobs.owner.get(f"/apps/{jobs.slug}/deliveries/{first['id']}")["state"] == "delivered")
    [attempt] = jobs.owner.get(f"/apps/{jobs.slug}/deliveries/{first['id']}")["attempts"]
    assert attempt["manual"] is True
    cancelled = jobs.owner.post(f"/apps/{jobs.slug}/deliveries/{second['id']}/cancel", status=200)
    assert cancelled["state"] == "cancelled"
    assert "cancelled" in jobs.owner.post(f"/apps/{jobs.slug}/deliveries/{second['id']}/retry", status=409)["detail"]
    jobs.owner.post(f"/apps/{jobs.slug}/dead-letters/{second['id']}/replay", status=409)


def test_what_runs_is_neither_retried_nor_cancelled(bench: Bench) -> None:
    bench.script("slow", "import time\nwhile not ctx.kv('c').get('go'):\n    time.sleep(0.05)")
    bench.trigger("queue", script="slow", queue="jobs")
    bench.route("send", "ctx.queue('jobs').send(1)")
    bench.call("send", status=204)
    [running] = eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/deliveries?state=running")["items"])
    for what in ("retry", "cancel"):
        problem = bench.owner.post(f"/apps/{bench.slug}/deliveries/{running['id']}/{what}", status=409)
        assert "running" in problem["detail"]
    bench.owner.put(f"/apps/{bench.slug}/kv/c/go", {"value": True})


def test_an_error_that_postgresql_can_t_look_into_is_no_obstacle(jobs: Bench) -> None:
    jobs.script("nul", "raise ValueError('a\\x00b')")
    jobs.trigger("queue", script="nul", queue="nuls", max_attempts=1)
    jobs.route("send_nul", "ctx.queue('nuls').send(1)")
    jobs.call("send_nul", status=204)
    jobs.call("send", ["V"], status=204)
    letters(jobs, 2)
    [found] = letters(jobs, 1, "?error_contains=V")
    assert found["error"]["message"] == "V"
    assert jobs.owner.get(f"/apps/{jobs.slug}/dead-letters?error_type=ValueError")["items"]
