"""Manager, orchestrator and executor as processes of their own: what each does, and what goes on without the others."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from picloud.inbound.signatures import sign_standard
from picloud.postgres.cluster import Cluster
from tests.functional.client import eventually
from tests.functional.parts import Part, Parts, running
from tests.functional.serving import children

pytestmark = pytest.mark.xdist_group("parts")

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HANDLER = "def handler(ctx):\n    ctx.kv('seen').incr(ctx.event.email.subject)\n    return 1\n"
BUSY = """
import time

def handler(ctx):
    n = ctx.kv("calls").incr("n")
    until = time.time() + 2
    while time.time() < until:
        pass
    return {"n": n}
"""
HELLO = "def handler(ctx):\n    return {'hello': 1}\n"


@pytest.fixture(scope="module")
def parts(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with running(Parts(tmp_path_factory.mktemp("parts"), cluster, PICLOUD_SANDBOX_WORKERS="2")) as parts:
        yield parts


class Mailbox:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.app = parts.owner.new_app()
        parts.owner.script(self.app, "inbox", HANDLER)
        trigger = parts.owner.email_trigger(self.app, "inbox", inbound_secret=SECRET)
        self._path = f"/api/v1/email-inbound/{trigger['app_id']}/{trigger['id']}"

    def send(self, subject: str) -> int:
        """The status."""
        mail = {"from": "ada@example.com", "to": ["in@box.example.org"], "subject": subject, "text": "x"}
        body = json.dumps(mail).encode()
        signed = sign_standard(SECRET, body, webhook_id=f"msg-{subject}", timestamp_s=int(time.time()))
        headers = {"Content-Type": "application/json"} | signed
        return self._parts.request(self._path, method="POST", body=body, headers=headers).status_int

    def executions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._parts.owner.get(f"/apps/{self.app}/executions")["items"]
        return found

    def seen(self, subject: str) -> int:
        found = self._parts.owner.get(f"/apps/{self.app}/kv/seen")["items"]
        return sum(entry["value"] for entry in found if entry["key"] == subject)


def test_a_signed_mail_at_the_orchestrator_becomes_an_execution_that_the_manager_shows(parts: Parts) -> None:
    mailbox = Mailbox(parts)
    assert mailbox.send("first") == 202
    [execution] = eventually(mailbox.executions)
    assert (execution["status"], execution["kind"]) == ("ok", "email")
    assert mailbox.seen("first") == 1


def test_each_serves_its_own_addresses_alone(parts: Parts) -> None:
    app = parts.owner.new_app()
    parts.owner.script(app, "hello", HELLO)
    parts.owner.route(app, "GET", "/hello", "hello")
    assert parts.orchestrator.request(f"/run/{app}/hello").json == {"hello": 1}
    assert parts.manager.request(f"/run/{app}/hello").status_int == 404
    headers = {"Authorization": f"Bearer {parts.manager.key}"}
    assert parts.manager.request("/api/v1/admin/me", headers=headers).status_int == 200
    for path in ("/api/v1/admin/me", "/", "/sign-in", "/api/v1/openapi.json"):
        refused = parts.orchestrator.request(path, headers=headers)
        assert (refused.status_int, refused.json["code"]) == (404, "not_found")


def test_the_manager_compiles_and_tests_scripts_with_the_same_executor(parts: Parts) -> None:
    app = parts.owner.new_app()
    body = {"name": "bad", "kind": "endpoint", "source": "def handler(ctx):\n    import os\n"}
    refused = parts.owner.post(f"/apps/{app}/scripts", body, status=422)
    assert refused["errors"][0]["line"] == 2
    parts.owner.script(app, "hello", HELLO)
    tested = parts.owner.post(f"/apps/{app}/scripts/hello/test", {"event": {"kind": "manual"}}, status=200)
    assert tested["status"] == "ok"


def test_the_manager_fires_cron_triggers_and_the_orchestrator_runs_them(parts: Parts) -> None:
    app = parts.owner.new_app()
    parts.owner.script(app, "tick", HELLO)
    yearly = {"script": "tick", "schedule": "0 0 1 1 *"}
    trigger = parts.owner.post(f"/apps/{app}/triggers/cron", yearly)
    engine = create_engine(parts.manager.environ()["PICLOUD_DATABASE_URL"], poolclass=NullPool)
    with engine.begin() as connection:
        due = text("UPDATE cron_trigger_details SET next_at = now() WHERE trigger_id = :id")
        connection.execute(due, {"id": trigger["id"]})
    parts.owner.post(f"/apps/{app}/triggers/cron", yearly)  # so that it looks
    [execution] = eventually(lambda: parts.owner.get(f"/apps/{app}/executions")["items"])
    assert execution["kind"] == "cron"


def test_deliveries_go_on_without_a_manager(parts: Parts) -> None:
    mailbox = Mailbox(parts)
    assert parts.manager.stop() == 0
    assert mailbox.send("alone") == 202
    engine = create_engine(parts.manager.environ()["PICLOUD_DATABASE_URL"], poolclass=NullPool)

    def run_count() -> int:
        with engine.connect() as connection:
            statement = text("SELECT count(*) FROM executions x JOIN apps a ON a.id = x.app_id WHERE a.slug = :slug")
            return int(connection.execute(statement, {"slug": mailbox.app}).scalar_one())

    assert eventually(run_count) == 1
    parts.manager.start_and_wait()
    assert mailbox.seen("alone") == 1


def test_mail_is_taken_without_an_executor_and_run_when_there_is_one_again(parts: Parts) -> None:
    mailbox = Mailbox(parts)
    parts.executor.kill()
    assert mailbox.send("waits") == 202
    assert mailbox.send("waits-too") == 202
    eventually(lambda: not parts.orchestrator.is_ready())
    assert mailbox.executions() == []
    parts.executor.start_and_wait()
    eventually(lambda: len(mailbox.executions()) == 2)
    assert {each["status"] for each in mailbox.executions()} == {"ok"}
    assert (mailbox.seen("waits"), mailbox.seen("waits-too")) == (1, 1)
    eventually(parts.orchestrator.is_ready)


def test_a_call_whose_zygote_ends_amid_it_is_begun_anew(parts: Parts) -> None:
    app = parts.owner.new_app()
    parts.owner.script(app, "busy", BUSY)
    parts.owner.route(app, "GET", "/busy", "busy")
    with ThreadPoolExecutor() as threads:
        call = threads.submit(parts.orchestrator.request, f"/run/{app}/busy")
        eventually(lambda: any(child.cpu_s > 0.3 for child in parts.executor.children))
        for keeper in children(parts.executor.pid):
            os.kill(keeper.pid, signal.SIGKILL)
        assert call.result().json == {"n": 1}
    assert [each["status"] for each in eventually(lambda: parts.owner.get(f"/apps/{app}/executions")["items"])] == [
        "ok"
    ]


def test_the_executor_has_no_secrets_no_database_and_no_network(parts: Parts) -> None:
    Mailbox(parts).send("for a worker")
    url = parts.manager.environ()["PICLOUD_DATABASE_URL"]
    for process in [parts.executor.itself, *eventually(lambda: parts.executor.children)]:
        assert url not in process.environ
        names = _descriptors(process.pid)
        assert not [name for name in names if "PGSQL" in name or "master.key" in name]
    sockets = parts.executor.itself.pid
    held = {name for name in _descriptors(sockets) if name.startswith("socket:")}
    inet = Path(f"/proc/{sockets}/net/tcp").read_text() + Path(f"/proc/{sockets}/net/tcp6").read_text()
    assert not [inode for inode in held if f" {inode[8:-1]} " in inet]


def _descriptors(pid: int) -> list[str]:
    """What they lead to; without those that are closed while it is looked."""
    found = []
    with suppress(FileNotFoundError, PermissionError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.append(str(link.readlink()))
    return found


def test_the_socket_lets_in_its_owner_and_group_alone(parts: Parts) -> None:
    path = Path(parts.manager.environ()["PICLOUD_EXECUTOR_SOCKET"])
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_second_manager_does_no_harm(cluster: Cluster, parts: Parts, tmp_path: Path) -> None:
    app = parts.owner.new_app()
    parts.owner.script(app, "tick", HELLO)
    environ = {name: value for name, value in parts.manager.environ().items() if name.startswith("PICLOUD_")}
    second = Part("manager", tmp_path / "second", **environ)
    second.start_and_wait()
    try:
        trigger = parts.owner.post(f"/apps/{app}/triggers/cron", {"script": "tick", "schedule": "0 0 1 1 *"})
        engine = create_engine(environ["PICLOUD_DATABASE_URL"], poolclass=NullPool)
        with engine.begin() as connection:
            due = text("UPDATE cron_trigger_details SET next_at = now() WHERE trigger_id = :id")
            connection.execute(due, {"id": trigger["id"]})
        parts.owner.script(app, "other", HELLO)
        eventually(lambda: parts.owner.get(f"/apps/{app}/executions")["items"])
        parts.owner.script(app, "another", HELLO)
        assert len(parts.owner.get(f"/apps/{app}/executions")["items"]) == 1
    finally:
        second.end()


def test_parts_that_start_together_on_a_new_database_all_start(cluster: Cluster, tmp_path: Path) -> None:
    parts = Parts(tmp_path, cluster)
    try:
        for part in parts.all:
            part.start()
        for part in parts.all:
            part.wait_until_ready()
    finally:
        for part in parts.all:
            part.end()
