"""Manager, orchestrator and executor as units of their own: set up by one command, killed, restarted, rebooted."""

import json
import re

import pytest

from tests.box.admin import DOMAIN, PICLOUD, SECRET, Admin, main_pid
from tests.box.machine import Machine
from tests.box.newer import SAID, upgrade
from tests.box.traffic import Traffic, every_request_answered
from tests.functional.client import eventually

pytestmark = [pytest.mark.box, pytest.mark.timeout(900)]
UNITS = ("picloud-manager", "picloud-orchestrator", "picloud-executor")
OWNERS = {"manager/http": "root:caddy", "orchestrator/http": "root:caddy", "executor/executor": "root:picloud"}


def init(machine: Machine, *options: str, check: bool = True) -> str:
    return machine.run(PICLOUD, "init", "--non-interactive", *options, check=check)


@pytest.fixture(scope="module")
def alone(other_machine: Machine) -> str:
    """What init says of one process without a proxy, on the system's PostgreSQL."""
    return init(other_machine)


@pytest.fixture(scope="module")
def apart(alone: str, other_machine: Machine) -> Admin:
    init(other_machine, "--parts", "--domain", DOMAIN, "--local-certificates")
    return Admin(other_machine).with_shop()


@pytest.fixture(scope="module")
def inbound(apart: Admin) -> str:
    return apart.email_trigger(SECRET)


def test_the_parts_want_a_postgresql_of_the_system(other_machine: Machine) -> None:
    other_machine.run("systemctl", "stop", "postgresql")
    said = init(other_machine, "--parts", check=False)
    assert "apt install postgresql" in said
    assert "PICLOUD_DATABASE_URL" not in other_machine.run("sh", "-c", "cat /etc/picloud/picloud.env || true")
    other_machine.run("systemctl", "start", "postgresql")


def test_without_a_proxy_it_listens_on_the_loopback_address_and_trusts_nobody(
    alone: str, other_machine: Machine
) -> None:
    call, mail = [line.strip() for line in alone.splitlines() if line.startswith("  curl")]
    assert "http://127.0.0.1:8080/" in call
    assert other_machine.run("sh", "-c", f"{call} -sS") == '{"hello":"Ada"}'
    assert '"status":"queued"' in other_machine.run("sh", "-c", f"{mail} -sS")
    assert "PICLOUD_TRUSTED_PROXIES" not in other_machine.run("cat", "/etc/picloud/picloud.env")


def test_one_command_sets_them_up_on_the_same_database(apart: Admin) -> None:
    states = apart.machine.run("systemctl", "is-active", *UNITS, "picloud.service", "picloud.socket", check=False)
    assert states.split() == ["active"] * 3 + ["inactive"] * 2
    assert {app["slug"] for app in apart.call("GET", "/apps")["items"]} == {"hello", "shop"}
    assert re.findall(r"^\+", init(apart.machine, "--no-sample"), re.MULTILINE) == []


def test_their_sockets_let_in_who_needs_them_alone(apart: Admin) -> None:
    for name, owner in OWNERS.items():
        path = f"/run/picloud-{name}.sock"
        assert apart.machine.run("stat", "-c", "%U:%G %a", path) == f"{owner} 660"


def test_doctor_looks_at_all_of_them(apart: Admin) -> None:
    found = {item["name"]: item["state"] for item in json.loads(apart.machine.run(PICLOUD, "doctor", "--json"))}
    assert {found[f"unit {unit}"] for unit in UNITS} == {"ok"}
    assert "broken" not in found.values()
    served = apart.call("GET", "/doctor")["items"]
    assert {item["name"]: item["state"] for item in served} == found


def test_a_signed_mail_goes_through_caddy_to_the_handler(apart: Admin, inbound: str) -> None:
    assert Traffic(apart.machine, "mails", 1, inbound).ended() == {"202": 1}
    eventually(lambda: apart.delivered() == 1)


@pytest.mark.parametrize("unit", UNITS)
def test_a_restart_under_load_fails_no_request(apart: Admin, inbound: str, unit: str) -> None:
    with every_request_answered(apart, inbound):
        apart.machine.run("systemctl", "restart", unit)


@pytest.mark.parametrize("unit", UNITS)
def test_kills_under_load_lose_and_double_nothing(apart: Admin, inbound: str, unit: str) -> None:
    before, mails = apart.delivered(), 200
    traffic = Traffic(apart.machine, "mails", mails, inbound)
    for share in range(3):
        eventually(lambda share=share: apart.delivered() > before + 40 * share)
        apart.machine.run("kill", "-9", main_pid(apart.machine, unit))
        apart.wait_until_ready()
    assert traffic.ended()["202"] == mails
    eventually(lambda: apart.delivered() == before + mails)
    apart.check_executed_once()


def test_hung_parts_are_ended_by_the_watchdog(apart: Admin) -> None:
    machine = apart.machine
    for unit in UNITS:
        folder = f"/run/systemd/system/{unit}.service.d"
        machine.run("sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=5\\n' > {folder}/quick.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", *UNITS)
    hung = {unit: main_pid(machine, unit) for unit in UNITS}
    machine.run("kill", "-STOP", *hung.values())
    for unit in UNITS:
        eventually(lambda unit=unit: main_pid(machine, unit) not in (hung[unit], "0"))
    apart.wait_until_ready()
    assert apart.status("/run/shop/ping") == "200"


def test_after_a_reboot_all_is_there(apart: Admin, inbound: str) -> None:
    before, jobs = apart.delivered(), apart.entries("jobs")
    assert apart.status("/run/shop/later") == "204"
    apart.machine.halt()
    apart.machine.boot()
    apart.wait_until_ready()
    assert apart.delivered() == before
    eventually(lambda: apart.entries("jobs") == jobs + 1)
    Traffic(apart.machine, "mails", 4, inbound).ended()
    eventually(lambda: apart.delivered() == before + 4)
    apart.check_executed_once()


def test_a_backup_and_its_verification(apart: Admin) -> None:
    apart.machine.run("systemctl", "start", "picloud-backup.service")
    [file] = apart.machine.run("sh", "-c", "ls /var/lib/picloud/backups/*").split()
    assert "Verified" in apart.machine.run(PICLOUD, "restore", file, "--verify-only")


def test_an_upgrade_under_load_fails_no_request(apart: Admin, inbound: str) -> None:
    with every_request_answered(apart, inbound):
        upgrade(apart.machine)
    assert SAID in apart.machine.run("curl", "-sSk", f"https://{DOMAIN}/sign-in")


def test_one_process_again_and_back(apart: Admin) -> None:
    for option, ended in (("--no-parts", "picloud-orchestrator"), ("--parts", "picloud")):
        said = init(apart.machine, option, "--no-sample")
        assert re.findall(r"^\+ (\w+)", said, re.MULTILINE) == ["service", "caddy"]
        assert apart.machine.run("systemctl", "is-enabled", f"{ended}.socket", check=False) == "disabled"
        assert apart.status("/run/shop/ping") == "200"


def test_a_user_that_is_gone_is_made_again_and_reaches_the_executor(apart: Admin) -> None:
    machine = apart.machine
    machine.run("systemctl", "stop", *(f"{unit}.{kind}" for kind in ("socket", "service") for unit in UNITS[:2]))
    number = machine.run("id", "-u", "picloud")
    machine.run("userdel", "picloud")
    machine.run("useradd", "--system", "--uid", number, "somebody")
    init(machine, "--no-sample")
    assert machine.run("stat", "-c", "%G", "/run/picloud-executor/executor.sock") == "picloud"
    assert apart.status("/run/shop/ping") == "200"


def test_uninstalling_with_the_data_leaves_none(apart: Admin) -> None:
    apart.machine.run(PICLOUD, "uninstall", "--yes", "--delete-data")
    left = "ls -d /etc/systemd/system/*/picloud* /etc/systemd/system/picloud* /var/lib/picloud /etc/picloud 2>/dev/null | wc -l"
    assert apart.machine.run("sh", "-c", left) == "0"
    names = ("psql", "-XAtc", "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles")
    assert "picloud" not in apart.machine.run("runuser", "-u", "postgres", "--", *names).split()
