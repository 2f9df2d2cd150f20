"""What handlers do through `ctx`: it commits with the end of the run, once, or not at all."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from webtest import TestApp

from tests.functional.bench import Bench
from tests.functional.client import Client, eventually


def test_the_store(bench: Bench) -> None:
    bench.route(
        "it",
        """
kv = ctx.kv("c")
seen = [kv.get("a"), kv.get("a", 7), kv.incr("n"), kv.incr("n", by=5)]
kv.set("a", {"x": [1, None]})
seen += [kv.get("a"), kv.cas("a", 1, 2), kv.cas("a", {"x": [1, None]}, "new"), kv.get("a")]
kv.set("b", None)
seen += [[e["key"] for e in kv.list()], [e["key"] for e in kv.list(prefix="b")], kv.delete("b"), kv.delete("b")]
return seen""",
    )
    assert bench.call("it") == [
        *(None, 7, 1, 6),
        *({"x": [1, None]}, False, True, "new"),
        *(["a", "b", "n"], ["b"], True, False),
    ]
    assert (bench.value("a"), bench.value("n"), bench.value("b")) == ("new", 6, None)


@pytest.mark.parametrize(
    "end", ["raise ValueError('no')", "while True: pass", "ctx.abort(409)", "return object()", "return 'x' * 200_000"]
)
def test_a_run_that_fails_leaves_nothing(bench: Bench, end: str) -> None:
    bench.route("it", f"ctx.kv('c').set('k', 1)\n{end}")
    bench.app.post_json(f"/run/{bench.slug}/it", {}, status="*", expect_errors=True)
    assert bench.value("k") is None


def test_wrong_calls_are_errors_that_the_handler_sees(bench: Bench) -> None:
    bench.route(
        "it",
        """
kinds = []
for call in (lambda: ctx.kv("").get("k"), lambda: ctx.kv("c").set("k" * 600, 1), lambda: ctx.kv("c").set("k", "x" * 300_000),
             lambda: ctx.kv("c").set("k", 1, ttl_s=-1), lambda: ctx.queue("nobody").send(1), lambda: ctx.secrets["NONE"]):
    try:
        call()
        kinds.append("no error")
    except ValueError as error:
        kinds.append("ValueError")
    except LookupError as error:
        kinds.append("LookupError")
return kinds""",
    )
    assert bench.call("it") == ["ValueError"] * 4 + ["LookupError"] * 2


def test_concurrent_increments_are_exact(bench: Bench) -> None:
    bench.route("it", "return ctx.kv('c').incr('n')")
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: bench.call("it"), range(100)))
    assert sorted(results) == list(range(1, 101))
    assert bench.value("n") == 100


def test_a_queue_hands_over_and_carries_the_trace(bench: Bench) -> None:
    bench.script("worker", "ctx.kv('c').set('got', [ctx.event.queue.name, ctx.event.queue.payload, ctx.event.depth])")
    bench.trigger("queue", script="worker", queue="jobs")
    bench.route("it", "ctx.queue('jobs').send({'n': 1})\nreturn [ctx.event.trace_id]")
    [trace_id] = bench.call("it")
    assert eventually(lambda: bench.value("got")) == ["jobs", {"n": 1}, 1]
    assert [run["trace_id"] for run in bench.executions("queue")] == [trace_id]


def test_messages_with_one_key_run_in_order_whatever_fails(bench: Bench) -> None:
    bench.script(
        "worker",
        """
n = ctx.event.queue.payload
if n % 4 == 0 and ctx.event.attempt == 1:
    raise RuntimeError("once")
kv = ctx.kv("c")
kv.set("seen", kv.get("seen", []) + [n])""",
    )
    bench.trigger("queue", script="worker", queue="jobs")
    bench.route("it", "for n in range(12):\n    ctx.queue('jobs').send(n, key='one')\nreturn 1")
    bench.call("it")
    assert eventually(lambda: len(bench.value("seen") or []) == 12 and bench.value("seen")) == list(range(12))


def test_a_delayed_message_waits(bench: Bench) -> None:
    bench.script("worker", "import time\nctx.kv('c').set('waited_s', time.time() - ctx.event.queue.payload)")
    bench.trigger("queue", script="worker", queue="jobs")
    bench.route("it", "import time\nctx.queue('jobs').send(time.time(), delay_s=1.0)\nreturn 1")
    bench.call("it")
    assert eventually(lambda: bench.value("waited_s")) >= 1.0


def test_changes_of_the_store_set_off_triggers(bench: Bench) -> None:
    bench.script(
        "watch",
        """
change = ctx.event.kv
ctx.kv("log").set(change.key + change.op, [change.collection, change.value, change.old_value])""",
    )
    bench.trigger("kv", script="watch", collection_glob="order?", key_glob="eu/*", ops=["insert", "update", "delete"])
    bench.route(
        "it",
        """
kv = ctx.kv("orders")
kv.set("eu/1", "a")
kv.set("eu/1", "b")
kv.delete("eu/1")
kv.set("us/1", "not watched")
ctx.kv("other").set("eu/1", "nor this")
return 1""",
    )
    bench.call("it")
    eventually(lambda: len(bench.executions("kv")) == 3)
    assert bench.value("eu/1insert", "log") == ["orders", "a", None]
    assert bench.value("eu/1update", "log") == ["orders", "b", "a"]
    assert bench.value("eu/1delete", "log") == ["orders", None, "b"]


def test_an_administrator_s_change_sets_off_triggers_too(bench: Bench) -> None:
    bench.script("watch", "ctx.kv('log').set('seen', ctx.event.kv.value)")
    bench.trigger("kv", script="watch", collection_glob="orders")
    bench.owner.put(f"/apps/{bench.slug}/kv/orders/1", {"value": "by hand"})
    assert eventually(lambda: bench.value("seen", "log")) == "by hand"


def test_a_loop_of_triggers_ends(bench: Bench) -> None:
    bench.script("again", "ctx.kv('c').incr('n')")
    bench.trigger("kv", script="again", collection_glob="c", max_attempts=1)
    bench.owner.put(f"/apps/{bench.slug}/kv/c/n", {"value": 0})
    letter = eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"])[0]
    assert "in a row" in letter["error"]["message"]
    assert bench.value("n") == 16


def test_secrets_are_read_and_masked(bench: Bench) -> None:
    bench.owner.put(f"/apps/{bench.slug}/secrets/TOKEN", {"value": "hunter2-hunter2"})
    bench.route(
        "it",
        """
token = ctx.secrets["TOKEN"]
print("the token is", token)
ctx.log.info(token, field=[token])
if ctx.event.http.json:
    raise ValueError("bad token " + token)
return len(token)""",
    )
    assert bench.call("it") == 15
    bench.app.post_json(f"/run/{bench.slug}/it", 1, status=502)
    eventually(lambda: len(bench.executions("http")) == 2)
    assert "hunter2" not in json.dumps([{k: run[k] for k in ("logs", "error")} for run in bench.executions("http")])
    assert "***" in json.dumps(bench.executions("http")[0]["logs"])


def test_a_dead_letter_sets_off_its_triggers_and_their_failure_no_more(bench: Bench) -> None:
    bench.script("worker", "raise ValueError('never')")
    bench.script(
        "mourner",
        """
letter = ctx.event.dead_letter
ctx.kv("c").set("letter", [letter.event.kind, letter.event.queue.payload, letter.error.type, letter.attempts, letter.script])
if letter.event.queue.payload == 2:
    raise RuntimeError("too sad")""",
    )
    source = bench.trigger("queue", script="worker", queue="jobs", max_attempts=2)
    bench.trigger("dead_letter", script="mourner", source_trigger_id=source["id"], max_attempts=1)
    bench.trigger("dead_letter", script="mourner", source_kind="kv", max_attempts=1)
    bench.route("it", "ctx.queue('jobs').send(ctx.event.http.json)\nreturn 1")
    bench.call("it", 1)
    assert eventually(lambda: bench.value("letter")) == ["queue", 1, "ValueError", 2, "worker"]
    bench.call("it", 2)
    letters = eventually(
        lambda: len(found := bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"]) == 3 and found
    )
    assert sorted(letter["kind"] for letter in letters) == ["dead_letter", "queue", "queue"]
    assert len(bench.executions("dead_letter")) == 2


def test_a_trigger_runs_only_while_who_registered_it_may(bench: Bench, owner: Client, app: TestApp) -> None:
    user = owner.post("/users", {"email": f"{bench.slug}@example.com"})
    owner.put(f"/apps/{bench.slug}/members/{user['id']}", {"role": "app_admin"})
    bench.script("worker", "ctx.kv('c').incr('n')")
    bench.trigger("queue", script="worker", queue="jobs")
    bench.route("it", "ctx.queue('jobs').send(1)\nreturn 1")
    bench.call("it")
    eventually(lambda: bench.value("n") == 1)


def test_http_is_off_until_hosts_are_allowed_and_never_inward(bench: Bench, owner: Client) -> None:
    bench.route(
        "it",
        """
try:
    return ctx.http.get(ctx.event.http.json).status
except PermissionError as error:
    return [str(error)]
except OSError as error:
    return [repr(error)]
""",
    )
    [off] = bench.call("it", "http://api.example.com/")
    assert "http_allow" in off
    path = f"/apps/{bench.slug}"
    assert owner.patch(path, {"http_allow": ["localhost", "api.example.com"]})["http_allow"][0] == "localhost"
    [inward] = bench.call("it", "http://localhost/")
    assert "localhost" in inward
    problem = owner.patch(path, {"http_allow": ["*", "ok.example.com"]}, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/http_allow/0"]


@pytest.mark.parametrize(
    ("kind", "fields", "seen"),
    [
        ("email", {}, "sample@example.com"),
        ("cron", {"schedule": "@yearly"}, "@yearly"),
        ("kv", {"collection_glob": "order?", "key_glob": "eu/*", "ops": ["delete"]}, "eu/sample"),
        ("queue", {"queue": "jobs"}, "jobs"),
        ("dead_letter", {}, "SampleError"),
    ],
)
def test_every_kind_of_trigger_can_be_tried_out(
    bench: Bench, owner: Client, kind: str, fields: dict[str, Any], seen: str
) -> None:
    bench.script("it", f"return ctx.event.{kind}")
    trigger = bench.trigger(kind, script="it", enabled=False, **fields)
    path = f"/apps/{bench.slug}/triggers/{trigger['id']}/test"
    delivery = owner.post(path, status=202)["delivery_id"]
    [run] = eventually(lambda: bench.executions(kind))
    assert (run["status"], run["delivery_id"]) == ("ok", delivery)
    assert seen in json.dumps(run["result"])
    owner.post(path.replace(bench.slug, owner.new_app()), status=404)
