"""Caddy in front of PiCloud, with our Caddyfile: what it lets through, keeps back and writes down."""

import subprocess

import pytest

from tests.box.admin import API, DOMAIN, Admin

pytestmark = [pytest.mark.box, pytest.mark.timeout(900)]


def test_what_is_closed_from_outside(admin: Admin) -> None:
    for path in ("/metrics", "/internal/tls-ask?domain=shop.test"):
        assert admin.status(path) == "404"


def test_an_apps_domain_gets_its_certificate_and_reaches_its_routes(admin: Admin) -> None:
    admin.call("POST", "/apps/shop/domains", {"domain": "shop.test"})
    assert admin.machine.run("curl", "-sSk", "https://shop.test/ping") == "pong"


def test_a_name_that_no_app_has_gets_no_certificate(admin: Admin) -> None:
    resolve = ("--resolve", "nobody.test:443:127.0.0.1")
    said = admin.machine.run("curl", "-sSk", *resolve, "https://nobody.test/", check=False)
    assert "alert internal error" in said


def test_bodies_have_a_bound(admin: Admin) -> None:
    admin.machine.run("truncate", "-s", "12000000", "/tmp/body")
    send = ("--http1.1", "-X", "POST", "--data-binary", "@/tmp/body")
    assert admin.status("/run/shop/ping", *send) == "413"
    assert admin.status("/run/shop/ping") == "200"


def test_the_address_of_an_unsigned_trigger_stays_out_of_the_log(admin: Admin) -> None:
    url = admin.email_trigger(None)
    path = url.partition(DOMAIN)[2]
    unguessable = path.rpartition("/")[2]
    mail = '{"from": "ada@example.com", "to": ["in@box.test"], "text": "t", "message_id": "<u@example.com>"}'
    assert admin.status(path, "-d", mail, "-H", "Content-Type: application/json") == "202"
    log = admin.machine.run("journalctl", "-u", "caddy", "--no-pager")
    assert f"{path.rpartition('/')[0]}/..." in log
    assert unguessable not in log
    assert admin.key not in log


def test_a_stream_comes_at_once(admin: Admin) -> None:
    stream = ("curl", "-skN", "-H", f"Authorization: Bearer {admin.key}", f"{API}/apps/shop/executions/stream")
    listening = subprocess.Popen(admin.machine.command(*stream), stdout=subprocess.PIPE)
    assert listening.stdout is not None
    assert listening.stdout.readline()  # it is open
    assert admin.status("/run/shop/ping") == "200"
    for line in listening.stdout:
        if b'"ping"' in line:
            break
    else:
        pytest.fail("the stream has ended")
    listening.kill()
    listening.wait()


def test_what_this_machine_alone_may_ask(admin: Admin) -> None:
    def answer(path: str, *options: str) -> str:
        ask = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *options)
        return admin.machine.run(*ask, f"http://127.0.0.1:8080{path}")

    for path in ("/metrics", "/readyz", "/orchestrator/metrics", "/orchestrator/healthz", "/run/shop/ping"):
        assert answer(path) == "200"
    for path in (
        "/",
        "/api/v1/admin/me",
        "/orchestrator/run/shop/ping",
        "/orchestrator/internal/tls-ask",
    ):
        assert answer(path) == "404"
    assert admin.machine.run("curl", "-s", "-H", "Host: rebound.example", "http://127.0.0.1:8080/metrics") == ""
    forged = ("curl", "-sS", "-H", "X-Forwarded-For: 198.51.100.1", "http://127.0.0.1:8080/run/shop/who")
    assert admin.machine.run(*forged) == "127.0.0.1"
