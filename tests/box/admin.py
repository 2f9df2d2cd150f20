"""Who works on the booted machine, and the load that is put on it."""

import base64
import json
import secrets
import subprocess
import time
from typing import Any

from picloud.inbound.signatures import sign_standard
from tests.box.machine import Machine

DOMAIN = "box.test"
PICLOUD = "/opt/picloud/bin/picloud"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
COUNTS = (
    "def handler(ctx):\n    ctx.kv('mails').set(ctx.event.email.message_id, ctx.event.attempt)\n    return 'seen'\n"
)
LATER = """
def handler(ctx):
    if ctx.event.kind == "queue":
        ctx.kv("jobs").set("done", ctx.event.attempt)
    else:
        ctx.queue("jobs").send(1, delay_s=2.0)
"""
"""Called, it leaves a message that comes due while the machine is down."""
PING = "def handler(ctx):\n    return 'pong'\n"
API = f"https://{DOMAIN}/api/v1/admin"


class Admin:
    """Works in the machine, by curl through Caddy, as an owner."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.run(PICLOUD, "admin", "create", "owner@example.com", stdin="correct horse battery staple\n")
        self.key = machine.run(PICLOUD, "keys", "create", "--user", "owner@example.com").splitlines()[-1]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
        authorization = f"Authorization: Bearer {self.key}"
        command = ["curl", "-sSk", "--fail-with-body", "-X", method, "-H", authorization, *data, API + path]
        said = self.machine.run(*command)
        return json.loads(said) if said else None

    def status(self, path: str, *options: str) -> str:
        """The status of a request at the dashboard's host."""
        return self.machine.run(
            "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", *options, f"https://{DOMAIN}{path}"
        )

    def wait_until_ready(self) -> None:
        self.machine.run("sh", "-c", "until curl -sf localhost:8080/readyz; do sleep 0.2; done")


def send_script(url: str, count: int) -> str:
    """Shell lines that send `count` signed mails, each until it is taken; prints how often each answer came."""
    lines = []
    for _ in range(count):
        message_id = f"<{secrets.token_hex(8)}@example.com>"
        mail = {"from": "ada@example.com", "to": ["in@box.test"], "subject": "s", "text": "t", "message_id": message_id}
        body = json.dumps(mail)
        headers = sign_standard(SECRET, body.encode(), webhook_id=message_id, timestamp_s=int(time.time()))
        given = " ".join(f"-H '{name}: {value}'" for name, value in headers.items())
        lines.append(
            f"until curl -sSk -m 20 -o /dev/null -w '%{{http_code}}\\n' {given} -H 'Content-Type: application/json' "
            f"-d '{body}' {url} 2>/dev/null | tee -a /tmp/answers | grep -q '^20'; do sleep 0.1; done"
        )
    return "\n".join(["rm -f /tmp/answers", *lines, "sort /tmp/answers | uniq -c"])


def background(machine: Machine, script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(machine.command("sh", "-c", script), stdout=subprocess.PIPE, text=True)


def main_pid(machine: Machine) -> str:
    return machine.run("systemctl", "show", "-p", "MainPID", "--value", "picloud")


def delivered(admin: Admin) -> int:
    return entries(admin, "mails")


def entries(admin: Admin, collection: str) -> int:
    collections = admin.call("GET", "/apps/shop/kv")["items"]
    return sum(item["entries"] for item in collections if item["collection"] == collection)


def executed_once(admin: Admin) -> None:
    """Every mail has one successful execution, and none waits."""
    executions, after = [], ""
    while after is not None:
        page = admin.call("GET", f"/apps/shop/executions?kind=email&status=ok&limit=200{after and '&after=' + after}")
        executions += [item["delivery_id"] for item in page["items"]]
        after = page["next"]
    assert len(executions) == len(set(executions)) == delivered(admin)
