"""What every answer carries, who gets how much, and what a proxy may say."""

import dataclasses
import io
import json
import logging
import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.app import make_app
from picloud.cli.listening import listen
from picloud.domain.access import Scope
from picloud.domain.kinds import InstanceRole
from picloud.logs import JsonFormatter
from picloud.process import Process
from picloud.settings import Settings
from picloud.views.answer_headers import POLICY
from picloud.views.server import WebServer
from tests.functional.client import ADMIN, Client, check_problem, eventually
from tests.functional.conftest import make_key

HANDLER = "def handler(ctx):\n    return str(ctx.event.http.client_ip)\n"
PROXY, CLIENT = "10.0.0.1", "198.51.100.7"


@pytest.fixture(scope="module")
def serving_address(app: TestApp, settings: Settings) -> Iterator[tuple[str, int]]:
    """The application behind the real web server."""
    listening = listen("127.0.0.1:0")
    server = WebServer(app.app, listening, threads=2, body_max_bytes=settings.http_max_body_bytes)
    thread = Thread(target=server.run)
    thread.start()
    yield listening.getsockname()[:2]
    server.stop(5.0)
    thread.join()


def with_settings(process: Process, **changes: Any) -> TestApp:
    """The application with other settings, on the same database and sandbox."""
    settings: Settings = dataclasses.replace(process.runtime.settings, **changes)
    return TestApp(make_app(dataclasses.replace(process.runtime, settings=settings)))


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/openapi.json", "/api/v1/nothing", ADMIN + "/me"])
def test_no_answer_is_a_page(app: TestApp, path: str) -> None:
    headers = app.get(path, status="*").headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Strict-Transport-Security" not in headers
    https = app.get(path, status="*", extra_environ={"wsgi.url_scheme": "https"}).headers
    assert https["Strict-Transport-Security"].startswith("max-age=")


def test_what_a_script_answers_is_sandboxed(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", HANDLER)
    owner.route(slug, "GET", "/work", "work")
    answer = app.get(f"/run/{slug}/work", status=200)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    assert POLICY not in answer.headers.getall("Content-Security-Policy")
    refused = app.get(f"/run/{slug}/nothing", status=404)
    assert refused.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize("given", ["abc-123", "A.b_c", "x" * 128])
def test_a_request_keeps_its_id(app: TestApp, given: str) -> None:
    answer = app.get("/api/v1/nothing", headers={"X-Request-Id": given}, status=401)
    assert answer.headers["X-Request-Id"] == answer.json["instance"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", '{"a":1}', "a\tb"])
def test_what_is_no_id_is_replaced(app: TestApp, given: str) -> None:
    answer = app.get("/healthz", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] not in (given, "")


def test_every_line_of_a_request_has_its_id(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", HANDLER)
    owner.route(slug, "GET", "/work", "work")
    stream = io.StringIO()
    handler, logger = logging.StreamHandler(stream), logging.getLogger("picloud")
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        app.get(f"/run/{slug}/work", headers={"X-Request-Id": "find-me"})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    found = {line["message"] for line in lines if line.get("request_id") == "find-me"}
    assert {"execution", "request"} <= found


def test_a_key_has_so_many_requests(process: Process, app: TestApp) -> None:
    limited = with_settings(process, key_requests_per_minute=3)
    busy, other = (Client(limited, make_key(process, InstanceRole.MEMBER)) for _ in range(2))
    answers = [limited.get(ADMIN + "/me", headers=busy.headers, status="*") for _ in range(4)]
    assert [answer.status_int for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert [answer.headers["RateLimit"].partition(";t=")[0] for answer in answers[:3]] == [
        '"key";r=2',
        '"key";r=1',
        '"key";r=0',
    ]
    check_problem(answers[3])
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 20
    other.get("/me")
    app.get(ADMIN + "/me", headers=busy.headers, status=200)


def test_an_address_fails_so_often(process: Process) -> None:
    limited = with_settings(process, failed_sign_ins_per_minute=2)
    good = Client(limited, make_key(process, InstanceRole.MEMBER)).headers
    wrong = {"Authorization": "Bearer pic_wrong"}

    def ask(address: str, headers: Any) -> int:
        environ = {"REMOTE_ADDR": address}
        return int(limited.get(ADMIN + "/me", headers=headers, extra_environ=environ, status="*").status_int)

    assert ask(CLIENT, good) == 200
    assert [ask(CLIENT, wrong) for _ in range(3)] == [401, 401, 429]
    assert ask(CLIENT, {}) == 429
    assert ask(CLIENT, good) == 200, "a key that was good before goes on"
    assert ask("198.51.100.8", wrong) == 401
    assert [ask("127.0.0.1", wrong) for _ in range(4)] == [401] * 4


def test_a_proxy_tells_who_asks_if_it_is_trusted(owner: Client, process: Process) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", HANDLER)
    owner.route(slug, "GET", "/work", "work")
    told = {"X-Forwarded-For": f"1.2.3.4, {CLIENT}"}
    for proxies, seen in (("", PROXY), ("10.0.0.0/8", CLIENT)):
        app = with_settings(process, trusted_proxies=proxies)
        answer = app.get(f"/run/{slug}/work", headers=told, extra_environ={"REMOTE_ADDR": PROXY})
        assert answer.text == seen


def test_addresses_are_those_that_the_outside_uses(owner: Client, process: Process) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", HANDLER)
    owner.route(slug, "GET", "/work", "work")
    app = with_settings(process, public_url="https://box.example.org")
    headers = {"Prefer": "respond-async", "Host": "evil.example"}
    queued = app.get(f"/run/{slug}/work", headers=headers, status=202)
    assert queued.headers["Location"].startswith(f"https://box.example.org{ADMIN}/apps/{slug}/deliveries/")
    assert queued.headers["Preference-Applied"] == "respond-async"
    path = queued.headers["Location"].removeprefix(f"https://box.example.org{ADMIN}")
    assert path.endswith(queued.json["delivery_id"])
    delivery = eventually(lambda: (found := owner.get(path))["state"] == "delivered" and found)
    assert delivery["kind"] == "http"


def wait_for_calm(process: Process) -> None:
    """Until what other tests have left to be delivered is delivered: the counters are everybody's."""
    due = text("SELECT count(*) FROM outbox WHERE due <= now() OR epoch IS NOT NULL")
    with process.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        eventually(lambda: connection.execute(due).scalar_one() == 0)


class TestMetrics:
    def lines(self, app: TestApp, **environ: str) -> dict[str, float]:
        text = app.get("/metrics", extra_environ={"REMOTE_ADDR": "127.0.0.1"} | environ).text
        samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(number) for name, _, number in samples}

    def test_what_happened_is_counted(self, owner: Client, app: TestApp, process: Process) -> None:
        wait_for_calm(process)
        slug = owner.new_app()
        owner.script(slug, "work", HANDLER)
        owner.script(slug, "spin", "def handler(ctx):\n    while True:\n        pass\n")
        owner.route(slug, "GET", "/work", "work")
        owner.route(slug, "GET", "/spin", "spin")
        before = self.lines(app)
        app.get(f"/run/{slug}/work")
        app.get(f"/run/{slug}/spin", status=504)
        after = self.lines(app)

        def grew(name: str) -> float:
            return after[name] - before.get(name, 0)

        assert grew('picloud_http_requests_total{route="run",method="GET",status="200"}') == 1
        assert grew('picloud_http_request_duration_seconds_count{route="run"}') == 2
        assert grew('picloud_executions_total{kind="http",status="ok"}') == 1
        assert grew('picloud_worker_kills_total{reason="cpu"}') == 1
        assert grew('picloud_execution_duration_seconds_bucket{kind="http",le="+Inf"}') == 2
        assert after["picloud_database_up"] == 1
        assert after["picloud_workers"] >= 1
        assert after['picloud_resident_memory_bytes{process="workers"}'] > 1_000_000

    def test_the_queue_is_the_database_s(self, owner: Client, app: TestApp, process: Process) -> None:
        wait_for_calm(process)
        slug = owner.new_app()
        owner.script(slug, "fail", "def handler(ctx):\n    ctx.fail('no')\n")
        owner.route(slug, "GET", "/fail", "fail")
        before = self.lines(app)["picloud_dead_letters"]
        app.get(f"/run/{slug}/fail", headers={"Prefer": "respond-async"}, status=202)
        eventually(lambda: owner.get(f"/apps/{slug}/dead-letters")["items"])
        after = self.lines(app)
        assert after["picloud_dead_letters"] == before + 1
        assert after['picloud_deliveries{state="retrying"}'] >= 0

    def test_no_method_of_a_client_s_own_is_a_label(self, app: TestApp) -> None:
        app.request("/healthz", method="BREW", status="*")
        assert not any("BREW" in name for name in self.lines(app))

    @pytest.mark.parametrize(
        ("address", "headers", "status"),
        [
            ("127.0.0.1", {}, 200),
            ("::1", {}, 200),
            ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
            ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 401),
            (CLIENT, {}, 401),
            (CLIENT, {"X-Forwarded-For": "127.0.0.1"}, 401),
            ("localhost", {}, 200),  # by the Unix socket
            ("localhost", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ],
    )
    def test_it_is_for_this_machine(self, app: TestApp, address: str, headers: Any, status: int) -> None:
        app.get("/metrics", headers=headers, extra_environ={"REMOTE_ADDR": address}, status=status)

    def test_it_is_for_this_machine_behind_a_trusted_proxy_too(self, process: Process) -> None:
        app = with_settings(process, trusted_proxies="127.0.0.1")
        told = {"X-Forwarded-For": "127.0.0.1"}
        app.get("/metrics", headers=told, extra_environ={"REMOTE_ADDR": "127.0.0.1"}, status=401)

    @pytest.mark.parametrize(
        ("role", "scopes", "status"),
        [
            (InstanceRole.OWNER, (Scope.INSTANCE_ADMIN,), 200),
            (InstanceRole.ADMIN, (Scope.INSTANCE_ADMIN,), 200),
            (InstanceRole.OWNER, (Scope.APP_ADMIN, Scope.LOG_READ), 403),
            (InstanceRole.MEMBER, (Scope.INSTANCE_ADMIN,), 403),
        ],
    )
    def test_it_is_for_who_runs_the_instance(
        self, app: TestApp, process: Process, role: InstanceRole, scopes: tuple[Scope, ...], status: int
    ) -> None:
        headers = {"Authorization": f"Bearer {make_key(process, role, scopes)}"}
        app.get("/metrics", headers=headers, extra_environ={"REMOTE_ADDR": CLIENT}, status=status)


def test_a_body_that_is_too_large_need_not_be_sent(serving_address: tuple[str, int], settings: Settings) -> None:
    with socket.create_connection(serving_address) as connection:
        size = settings.http_max_body_bytes + 1
        connection.sendall(
            b"POST /api/v1/admin/apps HTTP/1.1\r\nHost: box\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
        )
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_large"' in answer
    assert b"Content-Security-Policy: default-src" in answer


def test_a_body_that_is_welcome_is_asked_for(serving_address: tuple[str, int]) -> None:
    with socket.create_connection(serving_address) as connection:
        head = b"POST /api/v1/admin/apps HTTP/1.1\r\nHost: box\r\nConnection: close\r\nExpect: 100-continue\r\n"
        connection.sendall(head + b"Content-Length: 2\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 401 ")
