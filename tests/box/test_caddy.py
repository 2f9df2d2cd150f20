"""Caddy in front of PiCloud, with our Caddyfile: what it lets through, keeps back and writes down."""

import time

import pytest

from tests.box.admin import API, DOMAIN, Admin, background

pytestmark = [pytest.mark.box, pytest.mark.timeout(600), pytest.mark.xdist_group("box")]


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
    url = admin.call("POST", "/apps/shop/triggers/email", {"script": "count", "inbound_secret": None})["inbound_url"]
    path = url.partition(DOMAIN)[2]
    unguessable = path.rpartition("/")[2]
    mail = '{"from": "ada@example.com", "to": ["in@box.test"], "text": "t", "message_id": "<u@example.com>"}'
    assert admin.status(path, "-d", mail, "-H", "Content-Type: application/json") == "202"
    log = admin.machine.run("journalctl", "-u", "caddy", "--no-pager")
    assert f"{path.rpartition('/')[0]}/..." in log
    assert unguessable not in log
    assert admin.key not in log


def test_a_stream_comes_at_once(admin: Admin) -> None:
    stream = f"timeout 10 curl -skN -H 'Authorization: Bearer {admin.key}' {API}/apps/shop/executions/stream"
    listening = background(admin.machine, f"{stream} > /tmp/stream")
    time.sleep(2)
    assert admin.status("/run/shop/ping") == "200"
    time.sleep(2)
    seen = admin.machine.run("cat", "/tmp/stream")
    assert listening.poll() is None
    assert '"ping"' in seen
    listening.wait()
