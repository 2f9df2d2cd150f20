"""What a tester who had only the README and the contract once broke."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from webtest import TestApp

from picloud.domain.access import Scope
from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from tests.functional.bench import Bench
from tests.functional.client import ADMIN, Client, check_problem, eventually
from tests.functional.conftest import make_key


def test_no_handler_and_no_record_sees_a_caller_s_key(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.script("it", "return ctx.event.http.headers")
    owner.route(bench.slug, "GET", "/it", "it", access="key")
    seen = app.get(f"/run/{bench.slug}/it", headers=owner.headers | {"X-Own": "1", "Proxy-Authorization": "x"}).json
    assert seen["x-own"] == "1"
    [run] = eventually(lambda: bench.executions("http"))
    key = owner.headers["Authorization"].removeprefix("Bearer ")
    assert key not in json.dumps([seen, run])
    assert "proxy-authorization" not in seen


def test_a_handler_s_own_authorization_reaches_it(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.route("it", "return [ctx.event.http.headers.get('authorization')]")
    answer = app.post(f"/run/{bench.slug}/it", headers={"Authorization": "Bearer theirs"})
    assert answer.json == ["Bearer theirs"]


def test_a_moment_that_nobody_can_hold_is_422(owner: Client) -> None:
    slug = owner.new_app()
    body = {"name": "far", "scopes": ["log:read"], "expires_at": "9999-12-31T23:59:59-10:00"}
    owner.post("/api-keys", body, status=422)
    owner.get(f"/apps/{slug}/executions?until=0001-01-01T00:00:00%2B23:59", status=422)
    made = owner.post("/api-keys", body | {"expires_at": "2999-01-01T02:00:00+02:00"})
    assert made["expires_at"] == "2999-01-01T00:00:00Z"


def test_paths_that_are_not_utf8(app: TestApp) -> None:
    for path in ("/%ff", "/run/x/%ff", "/api/v1/email-inbound/%ff/x", f"{ADMIN}/apps/%ff"):
        check_problem(app.get(path, status="4*"))


def test_the_same_member_put_by_many_at_once(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()
    user = owner.post("/users", {"email": f"{slug}@example.com"})
    path = f"{ADMIN}/apps/{slug}/members/{user['id']}"

    def put(_: int) -> int:
        status: int = app.put_json(path, {"role": "viewer"}, headers=owner.headers, status="*").status_int
        return status

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(put, range(16))) == {200}


def test_an_app_deleted_under_everybody_s_hands_is_no_500(owner: Client, app: TestApp) -> None:
    for _ in range(4):
        bench = Bench(owner, app)
        bench.script("it", "return 1")
        trigger = bench.trigger("email", script="it")
        inbound = "/" + trigger["inbound_url"].split("/", 3)[3]
        mail = {"from": "a@example.com", "to": ["b@example.com"]}

        def call(n: int, bench: Bench = bench, inbound: str = inbound, mail: dict[str, Any] = mail) -> int:
            if n == 3:
                answer = app.delete(f"{ADMIN}/apps/{bench.slug}", headers=owner.headers, status="*")
            elif n % 2:
                answer = app.post_json(inbound, mail | {"id": str(n)}, status="*", expect_errors=True)
            else:
                path = f"{ADMIN}/apps/{bench.slug}/scripts/it"
                answer = app.put_json(
                    path, {"source": "def handler(ctx):\n    return 2\n"}, headers=owner.headers, status="*"
                )
            status: int = answer.status_int
            return status

        with ThreadPoolExecutor(6) as threads:
            assert not {500} & set(threads.map(call, range(10)))


def test_a_key_reaches_no_further_than_its_bounds(owner: Client, app: TestApp, process: Process) -> None:
    slug = owner.new_app()
    app_id = owner.get(f"/apps/{slug}")["id"]
    email = f"{slug}@example.com"
    free = Client(app, make_key(process, InstanceRole.OWNER, email=email))
    bound = Client(app, make_key(process, InstanceRole.OWNER, email=email, app_id=app_id))
    other = free.post("/api-keys", {"name": "other", "scopes": ["log:read"]})
    assert {item["app"] for item in bound.get("/api-keys")["items"]} == {app_id}
    bound.delete(f"/api-keys/{other['id']}", status=404)
    ending = Client(
        app, free.post("/api-keys", {"name": "e", "scopes": ["app:admin"], "expires_at": "2999-01-01T00:00:00Z"})["key"]
    )
    ending.post("/api-keys", {"name": "for ever", "scopes": ["app:admin"]}, status=403)
    ending.post("/api-keys", {"name": "shorter", "scopes": ["app:admin"], "expires_at": "2998-01-01T00:00:00Z"})
    owner.delete(f"/api-keys/{other['id']}")
    member = Client(app, make_key(process, InstanceRole.MEMBER, (Scope.APP_ADMIN,)))
    member.delete(f"/api-keys/{free.get('/api-keys')['items'][0]['id']}", status=404)


def test_preferences_come_in_lists(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.route("it", "return 1")
    for header in ("respond-async, wait=10", "return=minimal, Respond-Async", "respond-async; x=1"):
        answer = app.post(f"/run/{bench.slug}/it", headers={"Prefer": header}, status=202)
        assert ADMIN in answer.headers["Location"]
        assert answer.headers["Preference-Applied"] == "respond-async"


def test_calls_leave_threads_for_everything_else(owner: Client, app: TestApp, process: Process) -> None:
    bench = Bench(owner, app)
    bench.route("it", "import time\ntime.sleep(1)\nreturn 1")
    seats = process.runtime.settings.callers_max

    def call(_: int) -> Any:
        return app.post(f"/run/{bench.slug}/it", status="*", expect_errors=True)

    with ThreadPoolExecutor(seats + 4) as threads:
        answers = list(threads.map(call, range(seats + 4)))
    refused = [answer for answer in answers if answer.status_int == 503]
    assert any(answer.json["code"] == "too_many_calls" for answer in refused)
    assert all(answer.headers["Retry-After"] for answer in refused)


def test_a_burst_of_short_calls_waits_for_workers_and_is_answered(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.route("it", "return 1")
    with ThreadPoolExecutor(24) as threads:
        calls = [threads.submit(app.post, f"/run/{bench.slug}/it", status="*") for _ in range(24)]
    assert {call.result().status_int for call in calls} == {200}


def test_small_things(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.script("it", "return 1")
    trigger = bench.trigger("email", script="it", inbound_secret="generate")
    inbound = "/" + trigger["inbound_url"].split("/", 3)[3]
    mail = {"from": "a@example.com", "to": ["b@example.com"]}
    refused = app.post_json(inbound, mail, status=401)
    assert "WWW-Authenticate" not in refused.headers
    assert app.post_json(inbound + "/", mail, status=404).json["code"] == "not_found"
    headers = owner.headers | {"Content-Type": "APPLICATION/JSON"}
    app.post(f"{ADMIN}/apps", json.dumps({"slug": bench.slug + "x"}), headers=headers, status=201)
    gzipped = headers | {"Content-Encoding": "gzip"}
    app.post(f"{ADMIN}/apps", b"{}", headers=gzipped, status=415)
    rotate = f"/apps/{bench.slug}/triggers/email/{trigger['id']}/rotate-secret"
    for status in (200, 200, 200, 409):
        owner.post(rotate, {}, status=status)
    owner.post(rotate, {"overlap_s": 0}, status=200)
    empty = owner.post(f"/apps/{bench.slug}/triggers/email", {"script": "it", "inbound_secret": ""}, status=422)
    assert "1 to" in empty["detail"]


def test_an_endpoint_has_a_handler(owner: Client) -> None:
    slug = owner.new_app()
    for source in ("", "x = 1", "handler = 5", "def handler():\n    pass\n"):
        problem = owner.post(f"/apps/{slug}/scripts", {"name": "it", "source": source}, status=422)
        assert "def handler(ctx):" in problem["errors"][0]["detail"]
    owner.script(slug, "helper", "x = 1", "module")
    owner.post(f"/apps/{slug}/scripts", {"name": "random", "kind": "module", "source": "x = 1"}, status=422)


def test_text_that_postgresql_can_not_hold_is_never_a_500(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.script("worker", "ctx.fail('no')")
    bench.trigger("queue", script="worker", queue="jobs")
    bench.route(
        "it",
        """
odd = chr(0)
kinds = []
for call in (lambda: ctx.kv("c").list(prefix=odd), lambda: ctx.kv("c").list(after=odd), lambda: ctx.secrets[odd],
             lambda: ctx.queue("jobs").send(1, key=odd)):
    try:
        call()
        kinds.append("no error")
    except ValueError:
        kinds.append("ValueError")
    except LookupError:
        kinds.append("LookupError")
ctx.queue("jobs").send({"nul": odd})
ctx.kv("c").set("k", odd)
return kinds""",
    )
    assert bench.call("it") == ["ValueError", "ValueError", "LookupError", "ValueError"]
    [letter] = eventually(lambda: owner.get(f"/apps/{bench.slug}/dead-letters")["items"])
    read = owner.get(f"/apps/{bench.slug}/dead-letters/{letter['id']}")
    assert read["event"]["queue"]["payload"] == {"nul": "\x00"}
    [listed] = owner.get(f"/apps/{bench.slug}/deliveries")["items"]
    assert listed["state"] == "dead"
    assert listed["trace_id"] == read["trace_id"]
    assert bench.value("k") == "\x00"


SLOWLY = "x = 0\nfor i in range(200_000):\n    x += i\n"
"""Some 20 ms of work between two changes."""


def test_an_app_is_deleted_while_its_deliveries_run(
    owner: Client, app: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(owner, app)
    bench.script("work", f"ctx.kv('c').incr('n')\n{SLOWLY}")
    bench.trigger("queue", script="work", queue="q")
    bench.route("send", "for i in range(100):\n    ctx.queue('q').send(i)")
    bench.call("send", status=204)
    eventually(lambda: bench.value("n"))
    owner.delete(f"/apps/{bench.slug}", status=204)
    owner.get(f"/apps/{bench.slug}", status=404)
    assert "deadlock" not in caplog.text


def test_a_script_with_open_dead_letters_stays(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.script("work", "ctx.fail('no')")
    trigger = bench.trigger("queue", script="work", queue="q")
    bench.route("send", "ctx.queue('q').send(1)")
    bench.call("send", status=204)
    [letter] = eventually(lambda: owner.get(f"/apps/{bench.slug}/dead-letters")["items"])
    owner.delete(f"/apps/{bench.slug}/triggers/{trigger['id']}")
    refused = owner.delete(f"/apps/{bench.slug}/scripts/work", status=409)
    assert "dead letters (1)" in refused["detail"]
    owner.delete(f"/apps/{bench.slug}/dead-letters/{letter['id']}")
    owner.delete(f"/apps/{bench.slug}/scripts/work")


def test_runs_that_wait_for_each_other_are_not_an_outage(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.route("it", f"first, second = ctx.event.http.json\nctx.kv('c').incr(first)\n{SLOWLY}ctx.kv('c').incr(second)")

    def call(n: int) -> Any:
        both = ["a", "b"] if n % 2 else ["b", "a"]
        return app.post_json(f"/run/{bench.slug}/it", both, status="*", expect_errors=True)

    answers: list[Any] = []
    with ThreadPoolExecutor(4) as threads:
        while not any(answer.status_int != 204 for answer in answers):  # until two have met
            answers += threads.map(call, range(40))
    done = sum(answer.status_int == 204 for answer in answers)
    assert {answer.json["code"] for answer in answers if answer.status_int != 204} == {"collided"}
    assert (bench.value("a"), bench.value("b")) == (done, done)


def test_a_secret_put_by_many_at_once(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()

    def put(n: int) -> int:
        path = f"{ADMIN}/apps/{slug}/secrets/S"
        status: int = app.put_json(path, {"value": str(n)}, headers=owner.headers, status="*").status_int
        return status

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(put, range(16))) == {200}


def test_a_slash_in_a_collection_s_name_leads_to_no_other_one(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()

    def put(raw: str, decoded: str, status: int) -> None:
        path = f"{ADMIN}/apps/{slug}/kv/"
        environ = {"REQUEST_URI": path + raw + "?"}
        app.put_json(path + decoded, {"value": 1}, headers=owner.headers, extra_environ=environ, status=status)

    put("a%2Fb/c%2Fd", "a/b/c/d", 422)
    put("a%C3%A9/c%2Fd", "a%C3%A9/c/d", 200)
    assert owner.get(f"/apps/{slug}/kv")["items"] == [{"collection": "aé", "entries": 1}]
    assert owner.get(f"/apps/{slug}/kv/a%C3%A9")["items"][0]["key"] == "c/d"
