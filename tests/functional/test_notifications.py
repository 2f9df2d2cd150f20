"""Whom to tell of trouble: the settings, a test, and what is told when something holds."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import func, select, text
from webtest import TestApp

from picloud.app import make_app
from picloud.dispatcher import upkeep
from picloud.dispatcher.notices import Notifier
from picloud.domain.notices import Channel
from picloud.outbound.client import Client as Outbound
from picloud.outbound.dialer import Dialer
from picloud.process import Process
from picloud.services.instance.notifications import Destination
from picloud.services.instance.telling import tell
from tests.functional.bench import Bench
from tests.functional.browsing import browser, email, form_to, said, signed_in
from tests.functional.client import Client, eventually
from tests.integration.outbound_server import Received, Server, serving

__all__ = ["browser", "email", "signed_in"]

OUTBOUND = Outbound(Dialer(lambda address: True, lambda host, deadline: [ip_address("127.0.0.1")]))
"""Takes every name for this machine, and may reach it."""


class Answers:
    status = b"200 OK"

    def __call__(self, received: Received, sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % self.status)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def server(answers: Answers) -> Iterator[Server]:
    with serving(answers) as server:
        yield server


@pytest.fixture
def there(process: Process, owner: Client) -> Iterator[Client]:
    """The owner, where names lead to this machine; nobody is told of anything before and after."""
    client = Client(TestApp(make_app(replace(process.runtime, outbound=OUTBOUND))), None)
    client.headers = owner.headers
    with process.engine.connect() as no_other_round:
        no_other_round.execute(select(func.pg_advisory_xact_lock(upkeep._LOCK_KEY)))
        yield client
    if client.get("/notifications")["channel"]:
        client.delete("/notifications")


def address(server: Server, scheme: str = "http") -> str:
    return f"{scheme}://notify.example:{server.port}/topic"


def settings(server: Server, channel: str = "ntfy", **more: Any) -> dict[str, Any]:
    return {"channel": channel, "url": address(server)} | more


def notifier(process: Process, held_back: int = 0) -> Notifier:
    made_of = process.runtime
    return Notifier(made_of.master_key, made_of.settings.data_dir, lambda: held_back, OUTBOUND)


def a_round(process: Process, held_back: int = 0) -> Notifier:
    made = notifier(process, held_back)
    with process.engine.connect() as connection:
        made.round(connection, process.runtime.settings)
    return made


def test_a_test_is_sent_by_either_way(there: Client, server: Server, answers: Answers) -> None:
    there.post("/notifications/test", status=404)
    there.put("/notifications", settings(server))
    assert there.post("/notifications/test", status=200) == {"sent": True, "error": None}
    [first] = server.received
    assert (first.line, first.headers["title"]) == ("POST /topic HTTP/1.1", "PiCloud: a test")
    assert first.body.startswith(b"It works")
    there.put("/notifications", settings(server, "webhook"))
    there.post("/notifications/test", status=200)
    assert json.loads(server.received[1].body)["condition"] == "test"
    answers.status = b"403 Forbidden"
    assert there.post("/notifications/test", status=200)["error"] == "notify.example answered 403"


def test_a_token_is_kept_sealed_and_goes_to_its_host_alone(there: Client, server: Server, process: Process) -> None:
    plain = settings(server, token="tk_secret")
    assert there.put("/notifications", plain, status=422)["errors"][0]["pointer"] == "/token"
    secure = {"channel": "ntfy", "url": address(server, "https")}
    assert there.put("/notifications", secure | {"token": "tk_secret"})["has_token"]
    with process.engine.connect() as connection:
        assert b"tk_secret" not in bytes(connection.scalar(text("SELECT sealed FROM notification_settings")))
    assert there.put("/notifications", secure | {"conditions": ["disk"]})["has_token"]
    assert not there.put("/notifications", secure | {"url": "https://elsewhere.example/"})["has_token"]
    assert not there.put("/notifications", secure | {"token": None})["has_token"]
    assert tell(OUTBOUND, Destination(Channel.NTFY, address(server), "tk_1"), "test", "t", "x") is None
    assert server.received[0].headers["authorization"] == "Bearer tk_1"


@pytest.mark.parametrize("url", ["", "ftp://a.example", "https://10.0.0.1/x", "https://user:p@a.example/", "/x"])
def test_where_nothing_can_go_is_refused(there: Client, url: str) -> None:
    problem = there.put("/notifications", {"channel": "ntfy", "url": url}, status=422)
    assert problem["errors"][0]["pointer"] == "/url"


def test_only_public_hosts_are_told(server: Server) -> None:
    told = tell(Outbound(), Destination(Channel.NTFY, f"http://localhost:{server.port}/x", None), "test", "t", "x")
    assert told is not None
    assert server.received == []


def test_what_holds_is_told_once_and_again_when_it_could_not_be(
    there: Client, bench: Bench, process: Process, server: Server, answers: Answers
) -> None:
    bench.script("fails", "ctx.fail('no')")
    trigger = bench.trigger("queue", script="fails", queue="q")
    bench.owner.post(f"/apps/{bench.slug}/triggers/{trigger['id']}/test", status=202)
    eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"])
    there.put("/notifications", settings(server, "webhook", conditions=["dead_letters"]))
    answers.status = b"500 Oops"
    assert a_round(process).next_look_s == 0
    [held] = there.get("/notifications")["notices"]
    assert (held["condition"], held["sent_at"], held["error"]) == ("dead_letters", None, "notify.example answered 500")
    answers.status = b"200 OK"
    assert a_round(process).next_look_s is None
    [held] = there.get("/notifications")["notices"]
    assert held["sent_at"] is not None
    assert held["error"] is None
    a_round(process)
    assert [json.loads(each.body)["condition"] for each in server.received] == ["dead_letters"] * 2
    with process.engine.begin() as connection:
        connection.execute(text("UPDATE notices SET sent_at = now() - interval '25 hours'"))
    a_round(process)
    assert len(server.received) == 3


def test_what_holds_no_more_is_forgotten(there: Client, process: Process, server: Server) -> None:
    there.put("/notifications", settings(server, "webhook", conditions=["breaker", "backups"]))
    a_round(process, held_back=2)
    told = [json.loads(each.body) for each in server.received]
    assert sorted(each["condition"] for each in told) == ["backups", "breaker"]
    assert "2 scripts" in next(each["text"] for each in told if each["condition"] == "breaker")
    a_round(process)
    assert [each["condition"] for each in there.get("/notifications")["notices"]] == ["backups"]


def test_silence_is_told_where_mail_is_awaited(there: Client, bench: Bench, process: Process, server: Server) -> None:
    there.put("/notifications", settings(server, "webhook", conditions=["mail_silent"], mail_silent_h=2))
    bench.script("mail", "return 1")
    bench.owner.email_trigger(bench.slug, "mail")
    assert 7_100 < (a_round(process).next_look_s or 0) <= 7_200
    assert server.received == []
    with process.engine.begin() as connection:
        connection.execute(text("UPDATE notification_settings SET updated_at = now() - interval '3 hours'"))
        connection.execute(text("UPDATE inbound_dedupe_keys SET created_at = now() - interval '3 hours'"))
    assert a_round(process).next_look_s is None
    assert "No mail has come since" in json.loads(server.received[0].body)["text"]


def test_the_page_sets_tests_and_stops(signed_in: TestApp, owner: Client) -> None:
    page = signed_in.get("/settings")
    assert "fingerprint" in page.html.main.text
    form = form_to(page, "/settings")
    form["url"] = "nowhere"
    assert "url" in said(form.submit(status=422))
    form["url"], form["token"] = "https://notify.invalid/topic", "tk_hidden"
    page = form.submit(status=303).follow()
    assert "tk_hidden" not in page.text
    kept = owner.get("/notifications")
    assert (kept["channel"], kept["has_token"], len(kept["conditions"])) == ("ntfy", True, 5)
    tested = form_to(page, "/notifications/test").submit(status=200)
    assert "not taken" in said(tested)
    form_to(tested, "/notifications/stop").submit(status=303)
    assert owner.get("/notifications")["channel"] is None
