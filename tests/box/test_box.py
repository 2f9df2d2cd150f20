"""A fresh Debian, booted by systemd: installed by one command, used through Caddy, killed, rebooted."""

import re

import pytest

from tests.box.admin import DOMAIN, PICLOUD, Admin, main_pid
from tests.box.machine import Machine
from tests.box.newer import SAID, upgrade
from tests.box.traffic import Traffic, every_request_answered
from tests.functional.client import eventually

pytestmark = [pytest.mark.box, pytest.mark.timeout(900)]
SOCKET = "/run/picloud/http.sock"
EXPOSURE = {
    "picloud.service": 2.6,
    "picloud-executor.service": 2.6,
    "picloud-manager.service": 1.6,
    "picloud-orchestrator.service": 1.6,
    "picloud-backup.service": 2.0,
}
KEPT = (
    *("NoNew", "Capab", "Protect", "Private", "Restrict", "Lock", "SystemCall", "UMask", "Memory", "User=", "Tasks"),
)


def test_what_init_prints_works(box: Machine, set_up: str) -> None:
    call, mail = [line.strip() for line in set_up.splitlines() if line.startswith("  curl")]
    assert box.run("sh", "-c", f"{call} -sS") == '{"hello":"Ada"}'
    assert '"status":"queued"' in box.run("sh", "-c", f"{mail} -sS")
    [link] = re.findall(r"^(https://\S+)/setup#", set_up, re.MULTILINE)
    assert box.run("curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}", f"{link}/setup") == "200"
    assert "/setup#" not in box.run("journalctl", "--output", "cat")


def test_every_layer_of_the_sandbox_holds_inside_the_unit(box: Machine, admin: Admin) -> None:
    unit = box.run("systemctl", "cat", "picloud").splitlines()
    options = [part for line in unit if line.startswith(KEPT) for part in ("-p", line)]
    said = box.run("systemd-run", "--quiet", "--wait", "--pipe", *options, PICLOUD, "doctor", check=False)
    lines = [line for line in said.splitlines() if " required: " in line]
    assert lines
    assert all(line.startswith("✓") for line in lines)
    if box.run("runuser", "-u", "picloud", "--", "unshare", "-Urn", "true", check=False) == "":  # the kernel lets us
        assert re.search(r"^✓ namespaces", said, re.MULTILINE)


@pytest.mark.parametrize(("unit", "most"), EXPOSURE.items())
def test_the_units_exposure(box: Machine, unit: str, most: float) -> None:
    said = box.run("systemd-analyze", "security", "--no-pager", unit)
    [level] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(level) <= most


def test_the_socket_is_the_proxy_s_alone(box: Machine) -> None:
    assert box.run("stat", "-c", "%U:%G %a", SOCKET) == "root:caddy 660"
    call = ("curl", "-sS", "-o", "/dev/null", "--unix-socket", SOCKET, "http://localhost/healthz")
    assert box.run(*call) == ""
    for user in ("nobody", "picloud"):
        assert "curl: (7)" in box.run("runuser", "-u", user, "--", *call, check=False)


def test_nobody_says_himself_who_he_is(admin: Admin) -> None:
    forged = ("-H", "X-Forwarded-For: 198.51.100.1", "-H", "Forwarded: for=198.51.100.1")
    assert admin.machine.run("curl", "-sSk", *forged, f"https://{DOMAIN}/run/shop/who") == "127.0.0.1"


def test_a_signed_mail_goes_through_caddy_to_the_handler(admin: Admin, inbound_url: str) -> None:
    assert Traffic(admin.machine, "mails", 1, inbound_url).ended() == {"202": 1}
    eventually(lambda: admin.delivered() == 1)
    [execution] = admin.call("GET", "/apps/shop/executions?kind=email")["items"]
    assert execution["status"] == "ok"


def test_a_restart_under_load_fails_no_request(admin: Admin, inbound_url: str) -> None:
    with every_request_answered(admin, inbound_url):
        admin.machine.run("systemctl", "restart", "picloud")


def test_a_reload_of_the_proxy_under_load_ends_no_request(admin: Admin, inbound_url: str) -> None:
    """Caddy 2.6 resets a few connections that come just then, before it has read from them."""
    with every_request_answered(admin, inbound_url, resets=True):
        for _ in range(3):
            admin.machine.run("systemctl", "reload", "caddy")


def test_kills_under_load_lose_and_double_nothing(admin: Admin, inbound_url: str) -> None:
    before, mails = admin.delivered(), 300
    traffic = Traffic(admin.machine, "mails", mails, inbound_url)
    for share in range(3):
        eventually(lambda share=share: admin.delivered() > before + 60 * share)
        admin.machine.run("kill", "-9", main_pid(admin.machine))
        admin.wait_until_ready()
    assert traffic.ended()["202"] == mails
    eventually(lambda: admin.delivered() == before + mails)
    admin.check_executed_once()


def test_a_request_to_a_stopped_service_starts_it(admin: Admin) -> None:
    admin.machine.run("systemctl", "stop", "picloud.service")
    assert admin.status("/run/shop/ping") == "200"


def test_a_hung_process_is_ended_by_the_watchdog(admin: Admin) -> None:
    folder = "/run/systemd/system/picloud.service.d"
    admin.machine.run("sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=5\\n' > {folder}/quick.conf")
    admin.machine.run("systemctl", "daemon-reload")
    admin.machine.run("systemctl", "restart", "picloud")
    hung = main_pid(admin.machine)
    admin.machine.run("kill", "-STOP", hung)
    eventually(lambda: main_pid(admin.machine) not in (hung, "0"))
    admin.wait_until_ready()


def test_after_a_reboot_all_is_there(admin: Admin, inbound_url: str) -> None:
    before, jobs = admin.delivered(), admin.entries("jobs")
    assert admin.status("/run/shop/later") == "204"
    admin.machine.halt()
    admin.machine.boot()
    admin.wait_until_ready()
    assert admin.delivered() == before
    eventually(lambda: admin.entries("jobs") == jobs + 1)
    Traffic(admin.machine, "mails", 1, inbound_url).ended()
    eventually(lambda: admin.delivered() == before + 1)


def test_after_a_power_cut_all_is_there(admin: Admin, inbound_url: str) -> None:
    before, mails = admin.delivered(), 20
    Traffic(admin.machine, "mails", mails, inbound_url).ended()
    admin.machine.cut_power()
    admin.machine.boot()
    admin.wait_until_ready()
    eventually(lambda: admin.delivered() == before + mails)
    admin.check_executed_once()


def test_a_backup_and_its_verification(admin: Admin) -> None:
    admin.machine.run("systemctl", "start", "picloud-backup.service")
    [file] = admin.machine.run("sh", "-c", "ls /var/lib/picloud/backups/*").split()
    assert "Verified" in admin.machine.run(PICLOUD, "restore", file, "--verify-only")


def test_an_upgrade_with_nothing_to_migrate_restarts_the_service(admin: Admin) -> None:
    before = main_pid(admin.machine)
    assert "already" in admin.machine.run(PICLOUD, "upgrade")
    assert main_pid(admin.machine) != before


def test_an_upgrade_under_load_fails_no_request(admin: Admin, inbound_url: str) -> None:
    with every_request_answered(admin, inbound_url):
        upgrade(admin.machine)
    assert SAID in admin.machine.run("curl", "-sSk", f"https://{DOMAIN}/sign-in")
