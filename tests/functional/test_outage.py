"""PostgreSQL goes and comes back while `picloud serve` stays: every answer in between is a 503, and then all works."""

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text

from picloud.inbound.signatures import sign_standard
from picloud.postgres import Cluster, find_bindir
from picloud.views.routes import APP_ROUTES, INSTANCE_ROUTES
from tests.functional.client import check_problem, eventually, unique
from tests.functional.serving import Answer, Serving, descendants

pytestmark = pytest.mark.xdist_group("outage")

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SCRIPT = "def handler(ctx):\n    return ctx.event.kind\n"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ID = "01a203de-c969-769a-afea-b9d85e62bd4c"


@dataclass(frozen=True)
class World:
    """A served app with a route for anybody, one for keys, and an email trigger."""

    serving: Serving
    app: str
    mail_path: str

    @classmethod
    def make(cls, serving: Serving) -> "World":
        serving.start_and_wait()
        owner, app = serving.owner, serving.owner.new_app()
        owner.script(app, "main", SCRIPT)
        owner.route(app, "GET", "/open", "main")
        owner.route(app, "GET", "/guarded", "main", access="key")
        trigger = owner.email_trigger(app, "main", inbound_secret=SECRET)
        return cls(serving, app, f"/api/v1/email-inbound/{trigger['app_id']}/{trigger['id']}")

    def send_mail(self) -> Answer:
        body = json.dumps({"from": "ada@example.com", "to": ["in@box.example.org"], "text": unique("text")}).encode()
        signed = sign_standard(SECRET, body, webhook_id=unique("msg"), timestamp_s=int(time.time()))
        headers = {"Content-Type": "application/json"} | signed
        return self.serving.request(self.mail_path, method="POST", body=body, headers=headers)

    def ask(self, path: str, method: str = "GET", **more: str) -> Answer:
        body = b"" if method in ("GET", "DELETE") else b"{}"
        headers = {"Authorization": f"Bearer {self.serving.key}", "Content-Type": "application/json"} | more
        return self.serving.request(path, method=method, body=body, headers=headers)

    def runs_of(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.serving.owner.get(f"/apps/{self.app}/executions?kind={kind}")["items"]
        return items

    def check_that_all_works(self) -> None:
        """A call and a mail go all their way."""
        assert self.ask(f"/run/{self.app}/guarded").text == "http"
        answer = self.send_mail()
        assert answer.status_int == 202
        eventually(lambda: [run for run in self.runs_of("email") if run["delivery_id"] == answer.json["delivery_id"]])


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server that isn't PiCloud's own."""
    cluster = Cluster(tmp_path_factory.mktemp("given"), bindir=find_bindir(os.environ))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def world(given: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """PiCloud on the given server, named as people name one."""
    url = given.url.replace("postgresql+psycopg2://", "postgresql://")
    serving = Serving(tmp_path_factory.mktemp("outage"), PICLOUD_DATABASE_URL=url, PICLOUD_LOG_LEVEL="DEBUG")
    yield World.make(serving)
    serving.end()


@pytest.fixture
def away(given: Cluster, world: World) -> Iterator[World]:
    """The server is stopped."""
    pid = world.serving.pid
    given.stop()
    yield world
    given.start()
    eventually(world.serving.is_ready)
    world.check_that_all_works()
    assert world.serving.pid == pid
    assert world.serving.is_running()


def check_unavailable(answer: Answer) -> None:
    assert answer.status_int == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    check_problem(answer)


def address(pattern: str, named: dict[str, str]) -> str:
    """An address of the route. A placeholder is `{name}` or `{name:one|another}`; what has no value of its own is `main`."""
    return re.sub(r"\{(\w+)(?::(\w+)[^}]*)?\}", lambda match: named.get(match[1], match[2] or "main"), pattern)


def test_it_uses_the_server_that_it_is_given(world: World, given: Cluster) -> None:
    assert world.serving.postmasters == []
    assert not (world.serving.data_dir / "postgres").exists()
    with create_engine(given.url, poolclass=NullPool).connect() as connection:
        assert world.app in connection.execute(text("SELECT slug FROM apps")).scalars().all()
    world.check_that_all_works()


def test_every_route_is_503_while_the_database_is_away(away: World) -> None:
    patterns = [*INSTANCE_ROUTES.values(), *APP_ROUTES.values()]
    assert len(patterns) > 20
    named = {"app": away.app, "id": ID, "user_id": ID}
    for path in (address(pattern, named) for pattern in patterns):
        for method in METHODS:
            check_unavailable(away.ask(path, method))
    check_unavailable(away.send_mail())
    check_unavailable(away.ask(f"/run/{away.app}/guarded"))


def test_what_needs_no_database_still_works(away: World) -> None:
    calls = [away.serving.request(f"/run/{away.app}/open") for _ in range(3)]
    assert {call.status_int for call in calls} <= {200, 503}
    assert away.serving.request("/healthz").status_int == 200
    ready = away.serving.request("/readyz")
    assert ready.status_int == 503
    assert int(ready.headers["Retry-After"]) > 0
    assert [reason for reason in ready.json["reasons"] if reason.startswith("database")]
    # Without credentials there is nobody to look up.
    assert away.serving.request("/api/v1/admin/me").status_int == 401


def test_readyz_is_a_problem_while_the_database_is_away(away: World) -> None:
    check_unavailable(away.serving.request("/readyz"))


def test_the_given_server_s_password_is_in_no_log_and_with_no_child(world: World, given: Cluster) -> None:
    password = given.url.partition("picloud:")[2].partition("@")[0]
    assert len(password) > 30
    family = list(descendants(world.serving.pid))
    assert len(family) > 2
    assert not [child for child in family if password in " ".join(child.argv) + child.environ]
    assert password not in world.serving.log + world.serving.output


def test_an_own_server_that_is_killed_is_started_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    serving = Serving(tmp_path_factory.mktemp("killed"))
    try:
        world = World.make(serving)
        pid, [killed] = serving.pid, serving.postmasters
        killed.kill()
        seen = set()

        def is_back() -> bool:
            answers = [world.send_mail(), world.ask(f"/api/v1/admin/apps/{world.app}"), world.ask("/api/v1/admin/me")]
            for answer in answers:
                seen.add(answer.status_int)
                if answer.status_int not in (200, 202):
                    check_unavailable(answer)
            works = all(answer.status_int < 300 for answer in answers)
            return works and [server.pid for server in serving.postmasters] not in ([], [killed.pid])

        eventually(is_back)
        world.check_that_all_works()
        assert seen <= {200, 202, 503}
        assert serving.pid == pid
    finally:
        serving.end()
