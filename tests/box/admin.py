"""Who works on the booted machine."""

import base64
import json
from typing import Any

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
        ctx.kv("jobs").incr("done")
    else:
        ctx.queue("jobs").send(1, delay_s=2.0)
"""
"""Called, it leaves a message that comes due while the machine is down."""
PING = "def handler(ctx):\n    return 'pong'\n"
WHO = "def handler(ctx):\n    return ctx.event.http.client_ip\n"
ADD = "def handler(ctx):\n    return ctx.kv('posts').incr('n')\n"
"""What it does is done once for each answer, or the sum says so."""
API = f"https://{DOMAIN}/api/v1/admin"


class Admin:
    """Works in the machine, by curl through Caddy, as an owner."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.run(PICLOUD, "admin", "create", "owner@example.com", stdin="correct horse battery staple\n")
        self.key = machine.run(PICLOUD, "keys", "create", "--user", "owner@example.com").splitlines()[-1]

    def with_shop(self) -> "Admin":
        """An app with routes, and a queue."""
        self.call("POST", "/apps", {"slug": "shop", "name": "Shop"})
        for name, source in (("count", COUNTS), ("ping", PING), ("later", LATER), ("who", WHO), ("add", ADD)):
            self.call("POST", "/apps/shop/scripts", {"name": name, "kind": "endpoint", "source": source})
            route = {
                "method": "POST" if source is ADD else "GET",
                "path": f"/{name}",
                "script": name,
                "access": "public",
            }
            self.call("POST", "/apps/shop/routes", route)
        self.call("POST", "/apps/shop/triggers/queue", {"script": "later", "queue": "jobs"})
        return self

    def email_trigger(self, secret: str | None) -> str:
        """Its address."""
        trigger = self.call("POST", "/apps/shop/triggers/email", {"script": "count", "inbound_secret": secret})
        return f"https://{DOMAIN}/api/v1/email-inbound/{trigger['app_id']}/{trigger['id']}"

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
        """Both parts, or the one process under either address."""
        for path in ("readyz", "orchestrator/readyz"):
            self.machine.run("sh", "-c", f"until curl -sf -m 20 localhost:8080/{path}; do sleep 0.2; done")

    def delivered(self) -> int:
        """Mails that the handler has seen."""
        return self.entries("mails")

    def posts(self) -> int:
        """Calls that have added one."""
        found = [item["value"] for item in self.call("GET", "/apps/shop/kv/posts")["items"]]
        return int(found[0]) if found else 0

    def entries(self, collection: str) -> int:
        collections = self.call("GET", "/apps/shop/kv")["items"]
        return sum(item["entries"] for item in collections if item["collection"] == collection)

    def check_executed_once(self) -> None:
        """Every mail has one successful execution, and none waits."""
        executions: list[str] = []
        after: str | None = ""
        while after is not None:
            path = f"/apps/shop/executions?kind=email&status=ok&limit=200{after and '&after=' + after}"
            page = self.call("GET", path)
            executions += [item["delivery_id"] for item in page["items"]]
            after = page["next"]
        assert len(executions) == len(set(executions)) == self.delivered()


def main_pid(machine: Machine, unit: str = "picloud") -> str:
    return machine.run("systemctl", "show", "-p", "MainPID", "--value", unit)
