"""A fresh Debian, booted by systemd: installed by one command, used through Caddy, killed, rebooted."""

import base64
import json
import re
import secrets
import subprocess
import time
from typing import Any

import pytest

from picloud.inbound.signatures import sign_standard
from tests.box.conftest import DOMAIN
from tests.box.machine import Machine
from tests.functional.client import eventually

pytestmark = [pytest.mark.box, pytest.mark.timeout(600), pytest.mark.xdist_group("box")]

PICLOUD = "/opt/picloud/bin/picloud"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
COUNTS = (
    "def handler(ctx):\n    ctx.kv('mails').set(ctx.event.email.message_id, ctx.event.attempt)\n    return 'seen'\n"
)
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
        said = self.machine.run(
            "curl",
            "-sSk",
            "--fail-with-body",
            "-X",
            method,
            "-H",
            f"Authorization: Bearer {self.key}",
            *data,
            API + path,
        )
        return json.loads(said) if said else None


@pytest.fixture(scope="module")
def admin(box: Machine) -> Admin:
    admin = Admin(box)
    admin.call("POST", "/apps", {"slug": "shop", "name": "Shop"})
    for name, source in (("count", COUNTS), ("ping", PING)):
        admin.call("POST", "/apps/shop/scripts", {"name": name, "kind": "endpoint", "source": source})
    admin.call("POST", "/apps/shop/routes", {"method": "GET", "path": "/ping", "script": "ping", "access": "public"})
    return admin


@pytest.fixture(scope="module")
def inbound_url(admin: Admin) -> str:
    trigger = admin.call("POST", "/apps/shop/triggers/email", {"script": "count", "inbound_secret": SECRET})
    return f"https://{DOMAIN}/api/v1/email-inbound/{trigger['app_id']}/{trigger['id']}"


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
    collections = admin.call("GET", "/apps/shop/kv")["items"]
    return sum(item["entries"] for item in collections if item["collection"] == "mails")


def executed_once(admin: Admin) -> None:
    """Every mail has one successful execution, and none waits."""
    executions, after = [], ""
    while after is not None:
        page = admin.call("GET", f"/apps/shop/executions?kind=email&status=ok&limit=200{after and '&after=' + after}")
        executions += [item["delivery_id"] for item in page["items"]]
        after = page["next"]
    assert len(executions) == len(set(executions)) == delivered(admin)


def test_a_second_run_of_init_changes_nothing(box: Machine) -> None:
    said = box.run(PICLOUD, "init", "--non-interactive", "--domain", DOMAIN, "--local-certificates")
    assert [line for line in said.splitlines() if line.startswith("+")] == []


def test_init_mends_what_was_broken(box: Machine) -> None:
    box.run("sh", "-c", "chmod 777 /var/lib/picloud && rm /etc/systemd/system/picloud.service")
    said = box.run(PICLOUD, "init", "--non-interactive", "--domain", DOMAIN, "--local-certificates")
    assert re.findall(r"^\+ (\S+)", said, re.MULTILINE) == ["data", "units"]
    assert box.run("stat", "-c", "%a %U", "/var/lib/picloud") == "700 picloud"


def test_every_layer_of_the_sandbox_holds_inside_the_unit(box: Machine, admin: Admin) -> None:
    unit = box.run("systemctl", "cat", "picloud").splitlines()
    kept = (
        "NoNew",
        "Capab",
        "Protect",
        "Private",
        "Restrict",
        "Lock",
        "SystemCall",
        "UMask",
        "Memory",
        "User=",
        "Tasks",
    )
    options = [part for line in unit if line.startswith(kept) for part in ("-p", line)]
    said = box.run("systemd-run", "--quiet", "--wait", "--pipe", *options, PICLOUD, "doctor", check=False)
    lines = [line for line in said.splitlines() if " required: " in line]
    assert lines
    assert all(line.startswith("✓") for line in lines)
    assert re.search(r"^✓ namespaces", said, re.MULTILINE)


@pytest.mark.parametrize(("unit", "most"), [("picloud.service", 2.6), ("picloud-backup.service", 2.0)])
def test_the_units_exposure(box: Machine, unit: str, most: float) -> None:
    said = box.run("systemd-analyze", "security", "--no-pager", unit)
    [level] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(level) <= most


def test_a_signed_mail_goes_through_caddy_to_the_handler(admin: Admin, inbound_url: str) -> None:
    said = admin.machine.run("sh", "-c", send_script(inbound_url, 1))
    assert said.split() == ["1", "202"]
    eventually(lambda: delivered(admin) == 1)
    [execution] = admin.call("GET", "/apps/shop/executions?kind=email")["items"]
    assert execution["status"] == "ok"


def test_what_is_closed_from_outside(admin: Admin) -> None:
    for path in ("/metrics", "/internal/tls-ask?domain=shop.test"):
        code = admin.machine.run("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://{DOMAIN}{path}")
        assert code == "404"


def test_an_apps_domain_gets_its_certificate_and_reaches_its_routes(admin: Admin) -> None:
    admin.call("POST", "/apps/shop/domains", {"domain": "shop.test"})
    assert admin.machine.run("curl", "-sSk", "https://shop.test/ping") == "pong"


def test_a_restart_under_load_fails_no_request(admin: Admin) -> None:
    loop = f"for i in $(seq 150); do curl -sk -m 20 -o /dev/null -w '%{{http_code}}\\n' https://{DOMAIN}/run/shop/ping; done"
    load = background(admin.machine, f"({loop}) | sort | uniq -c")
    time.sleep(0.5)
    admin.machine.run("systemctl", "restart", "picloud")
    assert load.communicate(timeout=120)[0].split() == ["150", "200"]


def test_kills_under_load_lose_and_double_nothing(admin: Admin, inbound_url: str) -> None:
    before, mails = delivered(admin), 120
    load = background(admin.machine, send_script(inbound_url, mails))
    for _ in range(3):
        time.sleep(1.5)
        admin.machine.run("kill", "-9", main_pid(admin.machine))
    load.communicate(timeout=300)
    eventually(lambda: delivered(admin) == before + mails, timeout_s=60)
    executed_once(admin)


def test_a_hung_process_is_ended_by_the_watchdog(admin: Admin) -> None:
    hung = main_pid(admin.machine)
    folder = "/run/systemd/system/picloud.service.d"
    admin.machine.run("sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=5\\n' > {folder}/quick.conf")
    admin.machine.run("systemctl", "daemon-reload")
    admin.machine.run("systemctl", "restart", "picloud")
    hung = main_pid(admin.machine)
    admin.machine.run("kill", "-STOP", hung)
    eventually(lambda: main_pid(admin.machine) not in (hung, "0"), timeout_s=60)
    admin.machine.run("sh", "-c", "until curl -sf localhost:8080/readyz; do sleep 0.2; done")


def test_after_a_reboot_all_is_there(admin: Admin, inbound_url: str) -> None:
    before = delivered(admin)
    admin.machine.halt()
    admin.machine.boot()
    admin.machine.run("sh", "-c", "until curl -sf localhost:8080/readyz; do sleep 0.2; done")
    assert delivered(admin) == before
    admin.machine.run("sh", "-c", send_script(inbound_url, 1))
    eventually(lambda: delivered(admin) == before + 1)


def test_after_a_power_cut_all_is_there(admin: Admin, inbound_url: str) -> None:
    before, mails = delivered(admin), 20
    admin.machine.run("sh", "-c", send_script(inbound_url, mails))
    admin.machine.cut_power()
    admin.machine.boot()
    admin.machine.run("sh", "-c", "until curl -sf localhost:8080/readyz; do sleep 0.2; done")
    eventually(lambda: delivered(admin) == before + mails)
    executed_once(admin)


def test_a_backup_and_its_verification(admin: Admin) -> None:
    admin.machine.run("systemctl", "start", "picloud-backup.service")
    [file] = admin.machine.run("sh", "-c", "ls /var/lib/picloud/backups/*").split()
    assert "Verified" in admin.machine.run(PICLOUD, "restore", file, "--verify-only")


def test_an_upgrade_with_nothing_to_migrate_restarts_the_service(admin: Admin) -> None:
    before = main_pid(admin.machine)
    assert "already" in admin.machine.run(PICLOUD, "upgrade")
    assert main_pid(admin.machine) != before


def test_uninstalling_leaves_the_data(admin: Admin) -> None:
    admin.machine.run(PICLOUD, "uninstall", "--yes")
    assert "0 unit files listed" in admin.machine.run("systemctl", "list-unit-files", "picloud*", check=False)
    assert admin.machine.run("ls", "/var/lib/picloud/postgres/PG_VERSION", "/etc/picloud/master.key")
    assert (
        admin.machine.run("sh", "-c", "ls /etc/systemd/system/picloud* /etc/caddy/Caddyfile 2>/dev/null | wc -l") == "0"
    )
