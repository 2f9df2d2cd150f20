"""Trying a script out: everything is shown, nothing is kept."""

import json
from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.domain.access import Scope
from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from tests.functional.bench import Bench
from tests.functional.client import Client
from tests.functional.conftest import make_key
from tests.pace import PATIENCE


def trial(bench: Bench, body: str, event: Any, status: int = 200, **more: Any) -> Any:
    """The test of a source that is not saved, in the place of a script that is."""
    if not bench.owner.get(f"/apps/{bench.slug}/scripts")["items"]:
        bench.script("it", "return 'saved'")
    source = "def handler(ctx):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    path = f"/apps/{bench.slug}/scripts/it/test"
    return bench.owner.post(path, {"event": event, "source": source} | more, status=status)


def pointers(problem: Any) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


def test_a_saved_script_runs_and_says_all(bench: Bench) -> None:
    bench.script(
        "it", "ctx.log.info('hello', n=1)\nreturn [ctx.event.kind, ctx.version, ctx.principal, ctx.event.manual]"
    )
    shown = bench.owner.post(
        f"/apps/{bench.slug}/scripts/it/test", {"event": {"kind": "manual", "manual": 7}}, status=200
    )
    me = bench.owner.get("/me")["email"]
    assert (shown["status"], shown["result"], shown["error"]) == ("ok", ["manual", 1, me, 7], None)
    assert (shown["script"], shown["version"], shown["http"]) == ("it", 1, None)
    assert [(entry["message"], entry["fields"]) for entry in shown["logs"]] == [("hello", {"n": 1})]
    assert shown["limits"]["cpu_ms"] == 500 * PATIENCE
    assert shown["cpu_ms"] > 0
    assert shown["wall_ms"] > 0
    assert bench.executions("manual") == []


def test_a_given_source_runs_in_its_place_and_is_not_saved(bench: Bench) -> None:
    shown = trial(bench, "return ctx.version", {"kind": "manual"})
    assert (shown["result"], shown["version"]) == (0, None)
    assert "saved" in bench.owner.get(f"/apps/{bench.slug}/scripts/it")["source"]


def test_a_source_that_would_be_refused_at_upload_is_refused_here(bench: Bench) -> None:
    problem = trial(bench, "import os", {"kind": "manual"}, status=422)
    assert (problem["code"], problem["errors"][0]["line"]) == ("script_refused", 2)


def test_effects_are_shown_and_rolled_back(bench: Bench, process: Process) -> None:
    bench.owner.put(f"/apps/{bench.slug}/kv/c/old", {"value": "before"})
    bench.script("other", "ctx.kv('c').set('never', 1)")
    watch = bench.trigger("kv", script="other", collection_glob="c", key_glob="new")
    agree = bench.trigger("kv", script="other", collection_glob="c", key_glob="new", dispatch_mode="sync")
    listen = bench.trigger("queue", script="other", queue="jobs")
    bench.script("it", "pass")
    shown = trial(
        bench,
        """
kv = ctx.kv("c")
kv.set("new", {"n": 1})
kv.set("old", "after")
kv.delete("old")
kv.incr("n", by=2)
kv.cas("n", 99, 1)
ctx.queue("jobs").send([1], delay_s=60, key="k")
return [kv.get("new"), kv.get("old")]""",
        {"kind": "queue"},
    )
    assert shown["result"] == [{"n": 1}, None]
    assert [[w["op"], w["collection"], w["key"], w["value"], w["old_value"]] for w in shown["effects"]["kv"]] == [
        ["insert", "c", "new", {"n": 1}, None],
        ["update", "c", "old", "after", "before"],
        ["delete", "c", "old", None, "after"],
        ["insert", "c", "n", 2, None],
    ]
    assert shown["effects"]["kv"][0]["triggers"] == [
        {"id": watch["id"], "dispatch_mode": "async"},
        {"id": agree["id"], "dispatch_mode": "sync"},
    ]
    [sent] = shown["effects"]["queue"]
    assert (sent["name"], sent["payload"], sent["delay_s"], sent["key"]) == ("jobs", [1], 60, "k")
    assert [trigger["id"] for trigger in sent["triggers"]] == [listen["id"]]
    assert (bench.value("new"), bench.value("old"), bench.value("n")) == (None, "before", None)
    assert bench.owner.get(f"/apps/{bench.slug}/deliveries")["items"] == []
    assert bench.executions("kv") + bench.executions("queue") == []
    app_id = bench.owner.get(f"/apps/{bench.slug}")["id"]
    with process.engine.connect() as connection:
        entries = connection.execute(text("SELECT entries FROM kv_usage WHERE app_id = :id"), {"id": app_id})
        assert entries.scalar_one() == 1


@pytest.mark.parametrize(
    ("body", "status", "error", "line"),
    [
        ("x = 1\nraise ValueError('no')", "error", "ValueError", 3),
        ("while True:\n    pass", "cpu", "LimitHit", 2),
        ("ctx.fail('for good')", "error", "ControlRequest", 2),
        ("ctx.kv('').get('k')", "error", "ValueError", 2),
        ("ctx.queue('nobody').send(1)", "error", "LookupError", 2),
    ],
)
def test_errors_have_a_line_and_a_traceback(bench: Bench, body: str, status: str, error: str, line: int) -> None:
    shown = trial(bench, body, {"kind": "manual"})
    assert (shown["status"], shown["error"]["type"]) == (status, error)
    assert shown["error"]["line"] in (line, line + 1)
    assert 'File "it"' in shown["error"]["traceback"]


def test_http_is_shown_as_it_would_be_sent(bench: Bench) -> None:
    event = {
        "kind": "http",
        "http": {"method": "post", "headers": {"X-Name": "ada"}, "query": {"q": "1"}, "json": {"n": 1}},
    }
    body = "http = ctx.event.http\nreturn (201, [http.json, http.headers['x-name'], http.query, http.method], {'X-Ok': 'yes'})"
    http = trial(bench, body, event)["http"]
    headers = dict(http["headers"])
    assert (http["status"], headers["X-Ok"], headers["Content-Type"]) == (201, "yes", "application/json")
    assert "sandbox" in headers["Content-Security-Policy"]
    assert json.loads(http["text"]) == [{"n": 1}, "ada", {"q": "1"}, "POST"]
    assert trial(bench, "return b'\\xff'", event)["http"]["body_base64"] == "/w=="
    assert trial(bench, "ctx.abort(409, 'not now')", event)["http"]["status"] == 409
    failed = trial(bench, "raise ValueError('inner')", event)["http"]
    assert failed["status"] == 502
    assert "inner" not in failed["text"]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"text": "hällo"}, ["hällo", "text/plain; charset=utf-8"]),
        ({"form": {"a": "1 2"}}, ["a=1+2", "application/x-www-form-urlencoded"]),
        ({"body_base64": "SGk="}, ["Hi", None]),
        ({}, ["", None]),
    ],
)
def test_a_call_s_body_can_be_given_in_several_ways(bench: Bench, given: Any, seen: Any) -> None:
    body = "http = ctx.event.http\nreturn [http.text, http.headers.get('content-type')]"
    assert trial(bench, body, {"kind": "http", "http": given})["result"] == seen


@pytest.mark.parametrize(
    ("kind", "given", "check"),
    [
        ("kv", {"key": "mine"}, "part.key == 'mine' and part.op == 'insert'"),
        ("cron", {"late_by_s": 5}, "part.late_by_s == 5 and part.schedule == '@daily'"),
        ("email", {"subject": "Mine", "text": None}, "part.subject == 'Mine' and part.text is None and part['from']"),
        ("queue", {"payload": [1]}, "part.payload == [1] and part.name == 'sample'"),
        ("dead_letter", {"attempts": 3}, "part.attempts == 3 and part.event.kind == 'manual'"),
        ("http", {"path": "/x"}, "part.path == '/x' and part.method == 'GET'"),
        ("manual", {"x": 1}, "part == {'x': 1}"),
    ],
)
def test_every_kind_of_event_with_the_rest_from_a_sample(bench: Bench, kind: str, given: Any, check: str) -> None:
    body = f"part = ctx.event[ctx.event.kind]\nreturn [bool({check}), ctx.event.attempt, ctx.event.depth]"
    assert trial(bench, body, {"kind": kind, kind: given, "attempt": 2, "depth": 3})["result"] == [True, 2, 3]
    assert trial(bench, "return ctx.event[ctx.event.kind] is not None", {"kind": kind})["result"] is True


@pytest.mark.parametrize("kind", ["email", "kv", "http"])
def test_an_event_as_a_handler_saw_it_can_be_given_again(bench: Bench, kind: str) -> None:
    seen = trial(bench, "return 1", {"kind": kind})["event"]
    assert trial(bench, "return 1", seen)["event"] == seen


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({}, "/event/kind"),
        ({"kind": "storm"}, "/event/kind"),
        ({"kind": "kv", "kv": 7}, "/event/kv"),
        ({"kind": "kv", "kv": {"op": "upsert"}}, "/event/kv/op"),
        ({"kind": "kv", "kv": {"colection": "c"}}, "/event/kv/colection"),
        ({"kind": "kv", "email": {}}, "/event/email"),
        ({"kind": "email", "email": {"to": []}}, "/event/email/to"),
        ({"kind": "email", "email": {"from": 7}}, "/event/email/from"),
        ({"kind": "http", "http": {"text": "a", "json": 1}}, "/event/http/text"),
        ({"kind": "http", "http": {"body_base64": "?"}}, "/event/http/body_base64"),
        ({"kind": "http", "http": {"headers": {"a": 1}}}, "/event/http/headers"),
        ({"kind": "manual", "attempt": 0}, "/event/attempt"),
        ({"kind": "manual", "depth": 17}, "/event/depth"),
        ({"kind": "manual", "occurred_at": "2026-01-01T00:00:00"}, "/event/occurred_at"),
        ({"kind": "manual", "id": "x"}, "/event/id"),
        ({"kind": "manual", "when": 1}, "/event/when"),
    ],
)
def test_wrong_events_are_422_with_a_pointer(bench: Bench, event: Any, pointer: str) -> None:
    assert pointers(trial(bench, "pass", event, status=422)) == [pointer]


def test_requests_that_ask_for_a_change_are_not_made_unless_the_test_says_so(bench: Bench) -> None:
    bench.owner.patch(f"/apps/{bench.slug}", {"http_allow": ["localhost"]})
    body = """
said = []
for call in (ctx.http.get, ctx.http.post):
    try:
        call("http://localhost:9/x")
    except OSError as error:
        said.append(str(error))
return said"""
    shown = trial(bench, body, {"kind": "manual"})
    assert [(one["method"], one["url"], one["sent"]) for one in shown["effects"]["http"]] == [
        ("GET", "http://localhost:9/x", True),
        ("POST", "http://localhost:9/x", False),
    ]
    assert "makes no POST" in shown["result"][1]
    for http, sent in (("all", [True, True]), ("none", [False, False])):
        shown = trial(bench, body, {"kind": "manual"}, http=http)
        assert [one["sent"] for one in shown["effects"]["http"]] == sent
    assert pointers(trial(bench, body, {"kind": "manual"}, status=422, http="some")) == ["/http"]


def test_secrets_are_masked_in_all_that_is_shown(bench: Bench) -> None:
    bench.owner.put(f"/apps/{bench.slug}/secrets/TOKEN", {"value": 'hunter2 "quoted"\nhunter2'})
    body = """
token = ctx.secrets["TOKEN"]
print(token, [token])
ctx.kv("c").set("k", {token: [token]})
return {"t": token}"""
    for kind in ("manual", "http"):
        shown = trial(bench, body, {"kind": kind})
        assert "hunter2" not in json.dumps(shown)
        assert shown["effects"]["secrets"] == ["TOKEN"]
    assert "***" in shown["http"]["text"]


def test_too_much_for_the_store_is_said(bench: Bench) -> None:
    shown = trial(bench, "for n in range(300):\n    ctx.kv('c').set(str(n), 'x' * 250_000)", {"kind": "manual"})
    assert shown["status"] in ("error", "wall", "cpu")
    assert bench.value("0") is None


def test_a_module_can_t_be_tested(bench: Bench) -> None:
    bench.owner.script(bench.slug, "helper", "def f():\n    pass\n", "module")
    bench.owner.post(f"/apps/{bench.slug}/scripts/helper/test", {"event": {"kind": "manual"}}, status=422)
    bench.owner.post(f"/apps/{bench.slug}/scripts/nobody/test", {"event": {"kind": "manual"}}, status=404)


def test_who_may(bench: Bench, owner: Client, app: TestApp, process: Process) -> None:
    bench.script("it", "return 1")
    path, body = f"/apps/{bench.slug}/scripts/it/test", {"event": {"kind": "manual"}}
    user = owner.post("/users", {"email": f"{bench.slug}@example.com"})
    theirs = Client(app, make_key(process, InstanceRole.MEMBER, email=user["email"]))
    reader = Client(app, make_key(process, InstanceRole.MEMBER, (Scope.SCRIPT_READ,), email=user["email"]))
    for role, status in (("viewer", 403), ("editor", 200), ("app_admin", 200)):
        owner.put(f"/apps/{bench.slug}/members/{user['id']}", {"role": role})
        theirs.post(path, body, status=status)
        reader.post(path, body, status=403)
    owner.post(path.replace(bench.slug, owner.new_app()), body, status=404)
    Client(app, None).post(path, body, status=401)
