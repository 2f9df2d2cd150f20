"""`picloud serve` from outside: its first start and its later ones, its end, its refusals, and what it must not tell."""

import base64
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.functional.client import Client, eventually, unique
from tests.functional.serving import OWNER, Serving, children, descendants, orphans
from tests.pace import PATIENCE

pytestmark = pytest.mark.xdist_group("serve")

SLOW = """
import time

def handler(ctx):
    end = time.monotonic() + 5
    while time.monotonic() < end:
        pass
    return "done"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = Serving(tmp_path_factory.mktemp("serve"), "--sample", PICLOUD_LOG_LEVEL="DEBUG")
    yield server
    server.end()


@pytest.fixture
def served(server: Serving) -> Serving:
    """It runs. Tests may stop it."""
    server.start_and_wait()
    return server


@pytest.fixture
def stopped(server: Serving) -> Serving:
    """It has run, and doesn't now."""
    if not server.has_run:
        server.start_and_wait()
    if server.is_running():
        assert server.stop() == 0
    return server


def printed_commands(served: Serving) -> list[str]:
    """What the last start told to paste: a route, a mail, and three next steps."""

    def find() -> list[str] | None:
        lines = served.output.rpartition("PiCloud serves")[2].splitlines()
        commands = [line.strip() for line in lines if line.startswith("  ")]
        return commands if len(commands) == 5 else None

    return eventually(find)


def with_curl(served: Serving, command: str) -> tuple[int, Any]:
    if shutil.which("curl") is None:
        pytest.skip("curl isn't installed; the same lines are tried with urllib")
    home = served.data_dir.parent
    (home / ".curlrc").write_text('write-out = "\\n%{http_code}"\nsilent\n')
    environ = served.environ() | {"CURL_HOME": str(home)}
    said = subprocess.run(
        ["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=60 * PATIENCE, check=True
    )
    body, _, status = said.stdout.rpartition("\n")
    return int(status), json.loads(body)


def with_urllib(served: Serving, command: str) -> tuple[int, Any]:
    given = iter(shlex.split(command)[1:])
    headers, body, url = {}, None, ""
    for part in given:
        if part == "-H":
            name, _, value = next(given).partition(": ")
            headers[name] = value
        elif part == "-d":
            body = next(given).encode()
        else:
            url = part
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30 * PATIENCE) as answer:
        return answer.status, json.load(answer)


def execution_of(owner: Client, app: str, delivery_id: str) -> Any:
    def find() -> Any:
        items = owner.get(f"/apps/{app}/executions")["items"]
        return next((item for item in items if item["delivery_id"] == delivery_id), None)

    return owner.get(f"/apps/{app}/executions/{eventually(find)['id']}")


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line with which a command refused."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    [line] = [line for line in done.stderr.splitlines() if line.startswith("picloud: ")]
    return line


@contextmanager
def ends_in_order(served: Serving) -> Iterator[None]:
    """In the block it is told to stop: then it does, with exit code 0, no child left and no error in the log."""
    already_logged = len(served.log)
    with orphans() as left:
        yield
        assert served.process is not None
        assert served.process.wait(30 * PATIENCE) == 0
        eventually(lambda: not left())
    lines = [json.loads(line) for line in served.log[already_logged:].splitlines()]
    assert [line for line in lines if "exception" in line or line["level"] in ("ERROR", "CRITICAL")] == []


@pytest.mark.parametrize("paste", [with_curl, with_urllib])
def test_the_printed_lines_work(served: Serving, paste: Callable[[Serving, str], tuple[int, Any]]) -> None:
    route, mail = printed_commands(served)[:2]
    assert paste(served, route) == (200, {"hello": "Ada"})
    status, answer = paste(served, mail)
    assert (status, answer["status"]) == (202, "queued")
    execution = execution_of(served.owner, "hello", answer["delivery_id"])
    assert execution["status"] == "ok"
    assert execution["result"] == {"from": "ada@example.com", "subject": "Hello", "words": 5}
    assert execution["cpu_ms"] > 0
    assert execution["memory_peak_bytes"] >= 0


def test_the_next_steps_work(served: Serving) -> None:
    assert served.owner.get("/me")["email"] == OWNER
    steps = printed_commands(served)[2:]
    assert len(steps) == 3
    steps[0] = steps[0].replace("you@example.com", f"{unique('you')}@example.com") + " > /dev/null"
    steps[1] = steps[1].replace("you@example.com", OWNER)
    status, page = with_curl(served, "\n".join(steps))
    assert status == 200
    assert "items" in page


def test_the_master_key_is_for_its_owner_s_eyes(served: Serving) -> None:
    key = served.data_dir / "master.key"
    assert key.stat().st_mode & 0o777 == 0o400
    assert len(base64.b64decode(key.read_text())) == 32


def test_ctrl_c_ends_everything_and_a_start_finds_it_again(served: Serving) -> None:
    before, mail = served.owner.get("/apps/hello"), printed_commands(served)[1]
    with ends_in_order(served):
        os.killpg(served.pid, signal.SIGINT)  # as a terminal does
    served.start_and_wait()
    assert served.owner.get("/apps/hello") == before
    assert printed_commands(served)[1].split()[-1] == mail.split()[-1]


def test_secrets_are_in_no_log_and_with_no_child(served: Serving) -> None:
    owner = served.owner
    trigger = owner.email_trigger("hello", "inbox", inbound_secret="generate")
    secrets = {
        served.key,
        trigger["inbound_secret"],
        (served.data_dir / "master.key").read_text().strip(),
        (served.data_dir / "postgres-password").read_text().strip(),
    }
    assert all(len(secret) > 30 for secret in secrets)
    path = trigger["inbound_url"].partition(served.address)[2] or trigger["inbound_url"]
    signature = {"X-PiCloud-Signature": trigger["inbound_secret"], "Content-Type": "application/json"}
    assert served.request(path, method="POST", body=b"{}", headers=signature).status_int == 401
    Client(served, served.key + "x").get("/me", status=401)
    looked_at = 0
    for child in descendants(served.pid):
        assert not [secret for secret in secrets if secret in " ".join(child.argv) + child.environ], child
        looked_at += 1
    assert looked_at > 5
    assert not [secret for secret in secrets if secret in served.log + served.output]


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + bytes(b"a" * 65_536) + b"\r\n\r\n", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n", 413),
    ],
    ids=["request line", "header name", "oversized headers", "content length", "transfer encoding", "oversized body"],
)
def test_what_the_web_server_itself_refuses_is_a_problem(served: Serving, request_head: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10 * PATIENCE) as connection:
        connection.sendall(request_head)
        with connection.makefile("rb") as stream:
            assert stream.readline().split()[1] == str(status).encode()
            headers = dict(line.decode().strip().split(": ") for line in iter(stream.readline, b"\r\n"))
            body = json.loads(stream.read(int(headers["Content-Length"])))
    assert headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["type"] == f"urn:picloud:problem:{body['code']}"
    assert body["title"]
    assert body["detail"]
    assert body["instance"]


def test_commands_work_while_it_is_served(served: Serving) -> None:
    assert served.key.startswith("pic_")
    assert served.owner.get("/me")["email"] == OWNER
    assert "There is no user" in refusal(served.run("keys", "create", "--user", "nobody@example.com"))
    assert served.is_ready()


def test_a_second_one_on_the_same_data_folder_is_refused(served: Serving) -> None:
    line = refusal(served.run("serve", "--listen", "127.0.0.1:0"))
    assert f"{served.data_dir} is in use by another PiCloud (process {served.pid})" in line
    assert served.is_ready()


def test_a_port_in_use_is_refused(served: Serving, tmp_path: Path) -> None:
    other = Serving(tmp_path)
    line = refusal(other.run("serve", "--listen", f"127.0.0.1:{served.port}"))
    assert f"127.0.0.1:{served.port} can't be listened on: Address already in use" in line
    assert not other.data_dir.exists()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("PICLOUD_DATABASE_URL", "postgresql://u:s3cret@127.0.0.1:1/x", "port 1 failed: Connection refused"),
        ("PICLOUD_WEB_THREADS", "many", "PICLOUD_WEB_THREADS is 'many'"),
    ],
)
def test_a_setting_that_can_t_be_used_is_refused(tmp_path: Path, setting: str, value: str, said: str) -> None:
    line = refusal(Serving(tmp_path, **{setting: value}).run("serve"))
    assert said in line
    assert "s3cret" not in line


def test_a_request_under_way_at_sigterm_is_answered(served: Serving) -> None:
    app = served.owner.new_app()
    served.owner.script(app, "slow", SLOW)
    served.owner.route(app, "GET", "/slow", "slow")
    with ThreadPoolExecutor(1) as threads, ends_in_order(served):
        answer = threads.submit(served.request, f"/run/{app}/slow")
        eventually(lambda: [worker for worker in served.workers if worker.cpu_s > 0.1])
        os.kill(served.pid, signal.SIGTERM)
    assert (answer.result().status_int, answer.result().text) == (200, "done")


def test_sigterm_during_the_start_ends_everything(stopped: Serving) -> None:
    stopped.start()
    with ends_in_order(stopped):
        eventually(lambda: children(stopped.pid))
        os.kill(stopped.pid, signal.SIGTERM)


def test_another_master_key_is_refused(stopped: Serving, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(base64.b64encode(bytes(32)))
    line = refusal(stopped.run("serve", "--listen", "127.0.0.1:0", PICLOUD_MASTER_KEY_FILE=str(other)))
    assert "The database was sealed under the master key" in line
    assert str(other) in line


def test_commands_work_while_nothing_is_served(stopped: Serving) -> None:
    email = f"{unique('user')}@example.com"
    assert email in stopped.cli("admin", "create", email)
    made = json.loads(stopped.cli("keys", "create", "--user", email, "--app", "hello", "--json"))
    assert set(made) == {"id", "key"}
    stopped.start_and_wait()
    assert Client(stopped, made["key"]).get("/me")["email"] == email


def test_a_refusal_is_all_that_is_said(tmp_path: Path) -> None:
    done = Serving(tmp_path).run("serve", "--listen", "nonsense")
    assert done.stderr == "picloud: 'nonsense' is not HOST:PORT and not unix:PATH\n"
