"""`picloud init` again on a box: it repairs what is broken, and leaves alone what is not. `picloud doctor` there."""

import json
import re

import pytest

from tests.box.admin import DOMAIN, PICLOUD, Admin
from tests.box.machine import Machine

pytestmark = [pytest.mark.box, pytest.mark.timeout(900)]


def init(box: Machine, *options: str) -> list[str]:
    """The steps that changed something."""
    said = box.run(PICLOUD, "init", "--non-interactive", "--no-sample", *options)
    return re.findall(r"^\+ ([a-z ]+?)  ", said, re.MULTILINE)


def test_a_second_run_changes_nothing(box: Machine) -> None:
    assert init(box) == []


def test_modes_and_files_are_mended(box: Machine) -> None:
    modes = {"/var/lib/picloud": "700", "/etc/picloud/master.key": "600", "/etc/picloud/picloud.env": "640"}
    box.run("chmod", "666", *modes)
    box.run("rm", "/etc/systemd/system/picloud.service", "/etc/caddy/Caddyfile")
    assert init(box) == ["data", "master key", "database", "units", "caddy"]
    assert {path: box.run("stat", "-c", "%a", path) for path in modes} == modes
    assert init(box) == []


def test_units_that_are_gone_come_back(admin: Admin) -> None:
    """All of them, under a strict umask: their sockets have no file any more, and nobody listens there."""
    box = admin.machine
    box.run(
        "sh", "-c", "rm -r /etc/systemd/system/picloud* /etc/systemd/system/caddy.service.d && systemctl daemon-reload"
    )
    options = "--non-interactive --no-sample --domain box.test --local-certificates"
    box.run("sh", "-c", f"umask 077 && {PICLOUD} init {options}")
    assert admin.status("/run/shop/ping") == "200"
    assert init(box) == []


def test_what_keeps_the_proxy_from_its_port_is_told(admin: Admin) -> None:
    box = admin.machine
    box.run("systemctl", "stop", "caddy")
    box.run("systemd-run", "--quiet", "--unit", "other", "--", "python3", "-m", "http.server", "443")
    box.run("sh", "-c", "curl -s -o /dev/null --retry 50 --retry-delay 1 --retry-connrefused http://localhost:443")
    said = box.run(PICLOUD, "init", "--non-interactive", "--no-sample", check=False)
    assert "address already in use" in said
    assert "Traceback" not in said
    box.run("systemctl", "stop", "other")
    assert init(box) == ["caddy"]


def test_a_user_that_is_gone_is_made_again_with_what_it_had(admin: Admin) -> None:
    box, before = admin.machine, admin.delivered()
    box.run("systemctl", "stop", "picloud.socket", "picloud.service")
    number = box.run("id", "-u", "picloud")
    box.run("userdel", "picloud")
    box.run("useradd", "--system", "--uid", number, "somebody")
    assert init(box) == ["user", "data", "database", "service"]
    assert box.run("find", "/var/lib/picloud", "!", "-user", "picloud") == ""
    assert admin.delivered() == before


def test_what_is_no_host_name_changes_nothing(box: Machine) -> None:
    said = box.run(PICLOUD, "init", "--non-interactive", "--domain", f"https://{DOMAIN}/", check=False)
    assert "without scheme, port or path" in said
    assert len(said.splitlines()) == 1
    assert init(box) == []


def test_a_lost_key_is_not_replaced_and_comes_back_from_systemd(box: Machine) -> None:
    box.run("rm", "/etc/picloud/master.key")
    said = box.run(PICLOUD, "init", "--non-interactive", check=False).splitlines()[-1]
    box.run("sh", "-c", re.findall(r"(cp .*?)\. ", said)[0])
    assert init(box) == ["master key"]


def test_sockets_whose_files_were_gone_are_made_again(admin: Admin) -> None:
    admin.machine.run("sh", "-c", "rm /etc/systemd/system/picloud*.socket && systemctl daemon-reload")
    assert init(admin.machine) == ["units", "service"]
    assert admin.status("/run/shop/ping") == "200"


def test_a_unit_that_does_not_start_says_why_in_one_line(box: Machine) -> None:
    box.run("sh", "-c", "echo PICLOUD_WEB_THREADS=many >> /etc/picloud/picloud.env")
    said = box.run(PICLOUD, "init", "--non-interactive", check=False).splitlines()[-1]
    assert said.startswith("picloud: picloud.service does not start: PICLOUD_WEB_THREADS is 'many'")
    box.run("sed", "-i", "/WEB_THREADS/d", "/etc/picloud/picloud.env")
    init(box)


def test_a_stopped_caddy_is_started(box: Machine) -> None:
    box.run("systemctl", "disable", "--quiet", "--now", "caddy")
    assert "✗ unit caddy" in box.run(PICLOUD, "doctor", check=False)
    assert init(box) == ["caddy"]


def test_another_domain_is_taken_over(box: Machine) -> None:
    assert init(box, "--domain", "shop.test", "--local-certificates") == ["database", "caddy"]
    assert "PICLOUD_PUBLIC_URL=https://shop.test\n" in box.run("cat", "/etc/picloud/picloud.env") + "\n"
    assert init(box, "--domain", DOMAIN, "--local-certificates") == ["database", "caddy"]


def test_a_box_that_listens_on_the_loopback_address_is_brought_to_the_socket(admin: Admin) -> None:
    """As init set it up once: whoever reached that port was believed what it said of the client's address."""
    box = admin.machine
    box.run("systemctl", "stop", "caddy", "picloud.service", "picloud.socket")
    for file, edit in (
        ("/etc/systemd/system/picloud.socket", "s|^ListenStream=.*|ListenStream=127.0.0.1:8080|; /^Socket[UGM]/d"),
        ("/etc/picloud/picloud.env", "s/^PICLOUD_TRUSTED_PROXIES=.*/PICLOUD_TRUSTED_PROXIES=127.0.0.1,::1/"),
        ("/etc/caddy/Caddyfile", "s|unix/{[^}]*}|127.0.0.1:8080|; /^http:/,$d"),
    ):
        box.run("sed", "-i", edit, file)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "picloud.socket", "picloud.service", "caddy")
    assert admin.status("/run/shop/ping") == "200"
    assert init(box) == ["database", "units", "service", "caddy"]
    assert admin.status("/run/shop/ping") == "200"
    assert "PICLOUD_TRUSTED_PROXIES=unix\n" in box.run("cat", "/etc/picloud/picloud.env") + "\n"
    assert (
        box.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8080/api/v1/admin/me") == "404"
    )
    assert init(box) == []


def test_only_root_may(box: Machine) -> None:
    assert "run it as root" in box.run("runuser", "-u", "nobody", "--", PICLOUD, "init", check=False)


def test_doctor_says_of_each_thing_how_it_is(admin: Admin) -> None:
    said = admin.machine.run(PICLOUD, "doctor").splitlines()
    assert all(re.match(r"[✓!] \S.{26} \S", line) for line in said), said
    found = json.loads(admin.machine.run(PICLOUD, "doctor", "--json"))
    assert [line[2:].split("  ")[0] for line in said] == [item["name"] for item in found]
    served = admin.call("GET", "/doctor")["items"]
    assert {item["name"] for item in served} == {item["name"] for item in found}
    assert not [item for item in served if item["state"] == "broken"]


def test_doctor_names_what_mends(admin: Admin) -> None:
    box = admin.machine
    box.run("chmod", "644", "/etc/picloud/master.key")
    said = box.run(PICLOUD, "doctor", check=False)
    [line] = [line for line in said.splitlines() if line.startswith("✗")]
    box.run("sh", "-c", line.partition("→ ")[2])
    assert "✗" not in box.run(PICLOUD, "doctor")
