"""A disk that is nearly full: what would store more is refused with its reason, and taken again when there is room."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from picloud.app import make_app
from picloud.process import Process
from picloud.services.instance import disk
from picloud.services.instance.disk import DiskGuard
from picloud.settings import Settings
from tests.functional.bench import Bench
from tests.functional.browsing import browser, email, form_to, signed_in
from tests.functional.client import Client, eventually

__all__ = ["browser", "email", "signed_in"]

MIB = 1024 * 1024
NEVER_FREE = 2**62


@pytest.fixture
def full(process: Process, owner: Client, tmp_path: Path) -> Client:
    """The same PiCloud with more in reserve than any disk has."""
    made_of = replace(process.runtime, disk=DiskGuard(tmp_path, NEVER_FREE))
    client = Client(TestApp(make_app(made_of)), None)
    client.headers = owner.headers
    return client


def refused(answer: Any) -> None:
    assert answer.status_int == 503
    assert answer.json["code"] == "storage_full"
    assert "reserve" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0


def test_what_would_store_more_is_refused_and_says_why(full: Client, bench: Bench) -> None:
    bench.script("it", "return 1")
    bench.owner.route(bench.slug, "POST", "/it", "it")
    trigger = bench.owner.email_trigger(bench.slug, "it")
    mail = f"/api/v1/email-inbound/{trigger['app_id']}/{trigger['id']}"
    for path in (f"/run/{bench.slug}/it", mail):
        refused(full.app.request(path, method="POST", body=b"{}", status="*", expect_errors=True))
    app = f"/apps/{bench.slug}"
    source = {"source": "def handler(ctx): pass\n"}
    for method, path, body in (
        ("PUT", f"{app}/kv/things/one", {"value": 1}),
        ("POST", f"{app}/scripts", {"name": "more", "kind": "endpoint"} | source),
        ("PUT", f"{app}/scripts/it", source),
        ("POST", f"{app}/triggers/{trigger['id']}/test", {}),
        ("POST", f"{app}/dead-letters/replay", {"filter": {}}),
    ):
        problem = full.call(method, path, body, status=503)
        assert problem["code"] == "storage_full"


def test_what_stores_little_or_makes_room_goes_on(full: Client, bench: Bench) -> None:
    bench.script("it", "return 1")
    bench.owner.put(f"/apps/{bench.slug}/kv/things/one", {"value": 1})
    trigger = bench.owner.email_trigger(bench.slug, "it")
    app = f"/apps/{bench.slug}"
    assert full.get(f"{app}/kv/things/one")["value"] == 1
    full.patch(f"{app}/triggers/{trigger['id']}", {"enabled": False})
    full.delete(f"{app}/kv/things/one")


def test_readyz_says_so(full: Client) -> None:
    answer = full.app.get("/readyz", status=503)
    assert [reason for reason in answer.json["reasons"] if reason.startswith("disk: ")]


def test_every_page_says_so_and_an_upload_there_is_refused_too(
    signed_in: TestApp, process: Process, bench: Bench, tmp_path: Path
) -> None:
    made_of = replace(process.runtime, disk=DiskGuard(tmp_path, NEVER_FREE))
    full = TestApp(make_app(made_of), extra_environ=signed_in.extra_environ, cookiejar=signed_in.cookiejar)
    for path in ("/", "/apps", "/account"):
        assert "nearly full" in full.get(path).html.find(class_="gaps").text
        assert signed_in.get(path).html.find(class_="gaps") is None
    form = form_to(full.get(f"/apps/{bench.slug}/new-script"), "/new-script")
    form["name"], form["source"] = "more", "def handler(ctx):\n    return 1\n"
    assert "reserve" in form.submit(status="*").text
    assert bench.owner.get(f"/apps/{bench.slug}/scripts")["items"] == []


def test_deliveries_that_wait_go_on(full: Client, bench: Bench) -> None:
    bench.script("it", "ctx.kv('seen').set('one', 1)")
    trigger = bench.owner.email_trigger(bench.slug, "it")
    bench.owner.post(f"/apps/{bench.slug}/triggers/{trigger['id']}/test", {}, status=202)
    eventually(lambda: full.get(f"/apps/{bench.slug}/executions")["items"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_it_recovers_by_itself(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LOOK_S", 0.0)
    guard = DiskGuard(small_disk, 8 * MIB)
    assert guard.shortage() == ""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(10 * MIB))
    assert f"{small_disk} has 6 MiB free; 8 MiB are kept" in guard.shortage()
    ballast.unlink()
    assert guard.shortage() == ""


def test_it_is_looked_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LOOK_S", 3600.0)
    guard = DiskGuard(tmp_path / "nothing yet", NEVER_FREE)
    assert guard.shortage() == ""
    (tmp_path / "nothing yet").mkdir()
    assert guard.shortage() == ""


def test_a_database_elsewhere_is_not_guessed_at(tmp_path: Path) -> None:
    elsewhere = Settings(database_url="postgresql://db.example.org/x", data_dir=tmp_path, disk_reserve_bytes=NEVER_FREE)
    assert DiskGuard.of(elsewhere).shortage() == ""
    assert DiskGuard.of(replace(elsewhere, disk_folder=tmp_path)).shortage() != ""
    assert DiskGuard.of(replace(elsewhere, database_url="")).shortage() != ""
