"""A fresh Debian, booted by systemd: installed by one command, used through Caddy, killed, rebooted."""

import re
import time

import pytest

from tests.box.admin import DOMAIN, PICLOUD, Admin, background, delivered, entries, executed_once, main_pid, send_script
from tests.box.machine import Machine
from tests.functional.client import eventually

pytestmark = [pytest.mark.box, pytest.mark.timeout(600), pytest.mark.xdist_group("box")]
EXPOSURE = {
    "picloud.service": 2.6,
    "picloud-executor.service": 2.6,
    "picloud-manager.service": 1.6,
    "picloud-orchestrator.service": 1.6,
    "picloud-backup.service": 2.0,
}


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


@pytest.mark.parametrize(("unit", "most"), EXPOSURE.items())
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


def test_a_request_to_a_stopped_service_starts_it(admin: Admin) -> None:
    admin.machine.run("systemctl", "stop", "picloud.service")
    assert admin.status("/run/shop/ping") == "200"


def test_a_hung_process_is_ended_by_the_watchdog(admin: Admin) -> None:
    hung = main_pid(admin.machine)
    folder = "/run/systemd/system/picloud.service.d"
    admin.machine.run("sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=5\\n' > {folder}/quick.conf")
    admin.machine.run("systemctl", "daemon-reload")
    admin.machine.run("systemctl", "restart", "picloud")
    hung = main_pid(admin.machine)
    admin.machine.run("kill", "-STOP", hung)
    eventually(lambda: main_pid(admin.machine) not in (hung, "0"), timeout_s=60)
    admin.wait_until_ready()


def test_after_a_reboot_all_is_there(admin: Admin, inbound_url: str) -> None:
    before = delivered(admin)
    assert admin.status("/run/shop/later") == "204"
    admin.machine.halt()
    admin.machine.boot()
    admin.wait_until_ready()
    assert delivered(admin) == before
    eventually(lambda: entries(admin, "jobs") == 1)
    admin.machine.run("sh", "-c", send_script(inbound_url, 1))
    eventually(lambda: delivered(admin) == before + 1)


def test_after_a_power_cut_all_is_there(admin: Admin, inbound_url: str) -> None:
    before, mails = delivered(admin), 20
    admin.machine.run("sh", "-c", send_script(inbound_url, mails))
    admin.machine.cut_power()
    admin.machine.boot()
    admin.wait_until_ready()
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
