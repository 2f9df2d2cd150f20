"""Sync kv triggers: the handler runs inside the writer's call, in its transaction, and can undo the write."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from tests.functional.bench import Bench
from tests.functional.client import Client, eventually
from tests.functional.conftest import make_key

GUARD = """
change = ctx.event.kv
ctx.kv("log").set(change.key, [change.op, change.value, change.old_value, ctx.kv(change.collection).get(change.key)])
if change.value == "bad":
    raise ValueError("never bad")"""


def guarded(bench: Bench, body: str = GUARD, **fields: Any) -> Any:
    bench.script("guard", body)
    return bench.trigger("kv", script="guard", collection_glob="c", dispatch_mode="sync", **fields)


def put(bench: Bench, key: str, value: Any, status: int = 200) -> Any:
    return bench.owner.put(f"/apps/{bench.slug}/kv/c/{key}", {"value": value}, status=status)


def runs(bench: Bench, count: int) -> list[Any]:
    """The executions of sync runs, newest first: those whose transaction did not commit are written soon after."""
    return eventually(lambda: len(found := bench.executions("kv")) == count and found)


def test_the_handler_sees_the_write_and_its_effects_are_there_with_it(bench: Bench) -> None:
    trigger = guarded(bench)
    assert trigger["dispatch_mode"] == "sync"
    put(bench, "k", "good")
    assert bench.value("k", "log") == ["insert", "good", None, "good"]
    put(bench, "k", "better")
    assert bench.value("k", "log") == ["update", "better", "good", "better"]
    bench.owner.delete(f"/apps/{bench.slug}/kv/c/k")
    assert bench.value("k", "log") == ["delete", None, "better", None]
    newest = runs(bench, 3)[0]
    assert (newest["status"], newest["delivery_id"], newest["script"]) == ("ok", None, "guard")
    assert (newest["event"]["kv"]["op"], newest["event"]["depth"]) == ("delete", 0)
    assert bench.owner.get(f"/apps/{bench.slug}/deliveries")["items"] == []


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("raise ValueError('never')", "error", "ValueError: never"),
        ("ctx.fail('not so')", "error", "not so"),
        ("ctx.retry(after_s=1)", "error", "tried again"),
        ("while True: pass", "cpu", "CPU"),
        ("x = 'x' * 10**9", "memory", "memory"),
    ],
)
def test_a_failed_handler_undoes_the_write_and_what_it_did(bench: Bench, end: str, status: str, said: str) -> None:
    trigger = guarded(bench, f"ctx.kv('log').set('seen', 1)\n{end}")
    problem = put(bench, "k", 1, status=409)
    assert (problem["code"], problem["script"], problem["trigger_id"]) == (
        "sync_trigger_failed",
        "guard",
        trigger["id"],
    )
    assert said in problem["detail"]
    assert (bench.value("k"), bench.value("seen", "log")) == (None, None)
    [run] = runs(bench, 1)
    assert (run["id"], run["status"]) == (problem["execution_id"], status)


def test_a_veto_of_a_delete_keeps_the_entry(bench: Bench) -> None:
    put(bench, "k", 1)
    guarded(bench, "raise ValueError('kept')", ops=["delete"])
    put(bench, "k", 2)
    bench.owner.delete(f"/apps/{bench.slug}/kv/c/k", status=409)
    assert bench.value("k") == 2


def test_a_handler_can_catch_the_veto_and_go_on(bench: Bench) -> None:
    trigger = guarded(bench)
    bench.route(
        "it",
        """
kv = ctx.kv("c")
said = []
for key, value in (("a", 1), ("b", "bad"), ("d", 2)):
    try:
        kv.set(key, value)
    except RuntimeError as error:
        said.append(str(error))
return [said, kv.get("b")]""",
    )
    [[said], b] = bench.call("it")
    assert b is None
    assert "ValueError: never bad" in said
    assert trigger["id"] in said
    assert runs(bench, 3)[1]["id"] in said
    assert (bench.value("a"), bench.value("b"), bench.value("d")) == (1, None, 2)
    assert (bench.value("b", "log"), bench.value("d", "log")) == (None, ["insert", 2, None, 2])


def test_what_the_handler_agreed_to_goes_with_a_writer_that_fails(bench: Bench) -> None:
    guarded(bench)
    bench.route("it", "ctx.kv('c').set('k', 1)\nraise ValueError('after all')")
    bench.call("it", status=502)
    assert (bench.value("k"), bench.value("k", "log")) == (None, None)
    [run] = runs(bench, 1)
    assert run["status"] == "ok"  # the handler ran, though nothing of it stayed


def test_the_trace_goes_down_and_each_is_one_deeper(bench: Bench) -> None:
    guarded(bench, "return ctx.event.depth")
    bench.route("it", "ctx.kv('c').set('k', 1)\nreturn [ctx.event.trace_id]")
    [trace_id] = bench.call("it")
    [run] = runs(bench, 1)
    assert (run["trace_id"], run["event"]["depth"], run["result"]) == (trace_id, 1, 1)


def chain(bench: Bench, links: int) -> None:
    """`links` collections, each of which is written by the handler of the one before: more than there are workers."""
    for n in range(links):
        bench.script(f"link{n}", f"ctx.kv('chain{n + 1}').incr('n')")
        bench.trigger("kv", script=f"link{n}", collection_glob=f"chain{n}", dispatch_mode="sync")
    bench.route("start", "return ctx.kv('chain0').incr('n')")


def test_a_chain_longer_than_the_workers_ends_and_so_do_many_at_once(bench: Bench) -> None:
    chain(bench, 5)
    assert bench.call("start") == 1
    assert bench.value("n", "chain5") == 1
    others = [Bench(bench.owner, bench.app) for _ in range(2)]
    for other in others:
        chain(other, 5)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: others[n % 2].call("start"), range(8)))
    assert [other.value("n", "chain5") for other in others] == [4, 4]


def test_a_loop_of_sync_handlers_is_refused_and_leaves_nothing(bench: Bench) -> None:
    guarded(bench, "ctx.kv('c').incr('n')")
    problem = put(bench, "n", 0, status=409)
    assert "in a row" in problem["detail"]
    assert bench.value("n") is None
    assert {run["status"] for run in runs(bench, 17)} == {"error"}


def test_a_handler_may_stop_a_loop(bench: Bench) -> None:
    guarded(bench, "if ctx.event.kv.value < 7:\n    ctx.kv('c').incr('n')")
    put(bench, "n", 0)
    assert bench.value("n") == 7


def test_no_worker_is_503_and_nothing_is_written(bench: Bench, app: TestApp) -> None:
    guarded(bench)
    bench.route(
        "holder",
        """
import time
for _ in range(100):
    if ctx.kv("gate").get("open"):
        break
    time.sleep(0.05)""",
    )
    written: list[int] = []

    def refusal() -> Any:
        n = len(written)
        path = f"/api/v1/admin/apps/{bench.slug}/kv/c/k"
        answer = app.put_json(path, {"value": n}, headers=bench.owner.headers, status="*", expect_errors=True)
        if answer.status_int == 200:
            written.append(n)
        return answer if answer.status_int == 503 else None

    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(app.post_json, f"/run/{bench.slug}/holder", {}, status="*") for _ in range(2)]
        answer = eventually(refusal)
        bench.owner.put(f"/apps/{bench.slug}/kv/gate/open", {"value": 1})
        assert {one.result().status_int for one in held} <= {204, 504}
    assert answer.json["code"] == "sync_trigger_busy"
    assert int(answer.headers["Retry-After"]) >= 1
    assert bench.value("k") == (written[-1] if written else None)


def test_the_handler_has_no_more_time_than_the_writer(bench: Bench, owner: Client) -> None:
    guarded(bench, "import time\ntime.sleep(30)", timeout_s=60)
    bench.route("it", "ctx.kv('c').set('k', 1)")
    owner.patch(f"/apps/{bench.slug}/scripts/it", {"limits": {"wall_ms": 400}})
    bench.call("it", status=504)
    [run] = runs(bench, 1)
    assert (run["status"], run["limits"]["wall_ms"] <= 400) == ("wall", True)


def test_the_quota_counts_what_stays(bench: Bench, process: Process) -> None:
    guarded(bench)
    put(bench, "k", "bad", status=409)
    put(bench, "k", 1)
    bench.route("it", "try:\n    ctx.kv('c').set('z', 'bad')\nexcept RuntimeError:\n    pass\nctx.kv('c').set('y', 2)")
    bench.call("it", status=204)
    app_id = bench.owner.get(f"/apps/{bench.slug}")["id"]
    with process.engine.connect() as connection:
        query = "SELECT u.entries, u.size_bytes, count(e.*), sum(e.size_bytes) FROM kv_usage AS u JOIN kv_entries AS e"
        row = connection.execute(text(f"{query} USING (app_id) WHERE app_id = :id GROUP BY 1, 2"), {"id": app_id}).one()
    assert (row[0], row[1]) == (row[2], row[3])
    assert row[0] == 4


def test_who_registered_the_trigger_has_to_have_the_right(
    bench: Bench, owner: Client, app: TestApp, process: Process
) -> None:
    user = owner.post("/users", {"email": f"{bench.slug}@example.com"})
    owner.put(f"/apps/{bench.slug}/members/{user['id']}", {"role": "app_admin"})
    theirs = Client(app, make_key(process, InstanceRole.MEMBER, email=user["email"]))
    bench.script("guard", "ctx.kv('log').set('principal', ctx.principal)")
    body = {"script": "guard", "collection_glob": "c", "dispatch_mode": "sync"}
    theirs.post(f"/apps/{bench.slug}/triggers/kv", body)
    put(bench, "k", 1)
    assert bench.value("principal", "log") == user["email"]
    owner.put(f"/apps/{bench.slug}/members/{user['id']}", {"role": "editor"})
    assert "may not manage" in put(bench, "k", 2, status=409)["detail"]
    assert bench.value("k") == 1


def test_secrets_are_masked_below_and_above(bench: Bench) -> None:
    bench.owner.put(f"/apps/{bench.slug}/secrets/TOKEN", {"value": "hunter2-hunter2"})
    guarded(bench, "token = ctx.secrets['TOKEN']\nprint(token)\nraise ValueError('bad token ' + token)")
    problem = put(bench, "k", 1, status=409)
    assert "***" in problem["detail"]
    bench.route(
        "it",
        "try:\n    ctx.kv('c').set('k', 1)\nexcept RuntimeError as error:\n    print(error)\n    return str(error)",
    )
    answer = bench.app.post_json(f"/run/{bench.slug}/it", {}).text
    kept = [
        {part: run[part] for part in ("logs", "error", "result")} for run in runs(bench, 2) + bench.executions("http")
    ]
    assert "hunter2" not in json.dumps([problem, answer, kept])


def test_a_delivery_whose_write_is_refused_is_tried_again(bench: Bench) -> None:
    guarded(bench, "if not ctx.kv('gate').get('open'):\n    raise ValueError('closed')")
    bench.script("worker", "ctx.kv('c').incr('n')")
    bench.trigger("queue", script="worker", queue="jobs", max_attempts=3)
    bench.route("it", "ctx.queue('jobs').send(1)")
    bench.call("it", status=204)
    letter = eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"])[0]
    assert "ValueError: closed" in letter["error"]["message"]
    bench.owner.put(f"/apps/{bench.slug}/kv/gate/open", {"value": 1})
    bench.owner.post(f"/apps/{bench.slug}/dead-letters/{letter['id']}/replay", status=202)
    assert eventually(lambda: bench.value("n")) == 1


@pytest.mark.parametrize(
    ("kind", "fields"), [("cron", {"schedule": "@daily"}), ("queue", {"queue": "jobs"}), ("dead_letter", {})]
)
def test_other_kinds_can_only_be_async(bench: Bench, kind: str, fields: dict[str, Any]) -> None:
    bench.script("it", "pass")
    body = {"script": "it", "dispatch_mode": "sync", **fields}
    problem = bench.owner.post(f"/apps/{bench.slug}/triggers/{kind}", body, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/dispatch_mode"]
    made = bench.trigger(kind, script="it", **fields)
    bench.owner.patch(f"/apps/{bench.slug}/triggers/{made['id']}", {"dispatch_mode": "sync"}, status=422)


def test_a_trigger_that_is_off_or_async_again_does_not_hold_up_writes(bench: Bench) -> None:
    made = guarded(bench, "raise ValueError('no')")
    path = f"/apps/{bench.slug}/triggers/{made['id']}"
    bench.owner.patch(path, {"enabled": False})
    put(bench, "k", 1)
    bench.owner.patch(path, {"enabled": True})
    put(bench, "k", 2, status=409)
    bench.owner.patch(path, {"dispatch_mode": "async"})
    put(bench, "k", 3)
    assert bench.value("k") == 3
