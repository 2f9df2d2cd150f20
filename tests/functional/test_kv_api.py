"""The store and the secrets of an app, as administrators see them."""

import time
from typing import Any

import pytest
from sqlalchemy import text

from picloud.process import Process
from tests.functional.client import Client


@pytest.fixture
def slug(owner: Client) -> str:
    return owner.new_app()


def test_an_entry_comes_goes_and_counts_its_versions(owner: Client, slug: str) -> None:
    path = f"/apps/{slug}/kv/inbox/a%2Fb"
    owner.get(path, status=404)
    made = owner.put(path, {"value": {"n": [1, None, "é"]}})
    assert (made["key"], made["value"], made["version"], made["expires_at"]) == ("a/b", {"n": [1, None, "é"]}, 1, None)
    assert owner.put(path, {"value": None})["version"] == 2
    assert owner.get(path)["value"] is None
    owner.delete(path)
    owner.get(path, status=404)
    owner.delete(path, status=404)


def test_lists(owner: Client, slug: str) -> None:
    for key in ("b", "a", "c/1", "c/2"):
        owner.put(f"/apps/{slug}/kv/things/{key}", {"value": key})
    owner.put(f"/apps/{slug}/kv/other/x", {"value": 1})
    assert owner.get(f"/apps/{slug}/kv")["items"] == [
        {"collection": "other", "entries": 1},
        {"collection": "things", "entries": 4},
    ]
    first = owner.get(f"/apps/{slug}/kv/things?limit=3")
    second = owner.get(f"/apps/{slug}/kv/things?limit=3&after={first['next']}")
    assert [item["key"] for item in first["items"] + second["items"]] == ["a", "b", "c/1", "c/2"]
    assert [item["key"] for item in owner.get(f"/apps/{slug}/kv/things?prefix=c/")["items"]] == ["c/1", "c/2"]


def test_an_entry_past_its_time_is_gone(owner: Client, slug: str) -> None:
    path = f"/apps/{slug}/kv/short/k"
    assert owner.put(path, {"value": 1, "ttl_s": 0.2})["expires_at"] is not None
    time.sleep(0.3)
    owner.get(path, status=404)
    assert owner.get(f"/apps/{slug}/kv")["items"] == []
    assert owner.put(path, {"value": 2})["version"] == 1


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        ("k", {}, 422),
        ("k", {"value": "x" * 300_000}, 422),
        ("k", {"value": "half \ud800"}, 422),
        ("k", {"value": 10**400}, 400),
        ("k", {"value": 1, "ttl_s": 0}, 422),
        ("k", {"value": 1, "ttl_s": "x"}, 422),
        ("k" * 513, {"value": 1}, 422),
    ],
)
def test_bad_entries(owner: Client, slug: str, key: str, body: Any, status: int) -> None:
    owner.put(f"/apps/{slug}/kv/c/{key}", body, status=status)


def test_what_an_app_holds_is_counted(owner: Client, slug: str, process: Process) -> None:
    for key, value in (("a", "x" * 100), ("b", 1), ("a", 2)):
        owner.put(f"/apps/{slug}/kv/c/{key}", {"value": value})
    owner.delete(f"/apps/{slug}/kv/c/b")
    app_id = owner.get(f"/apps/{slug}")["id"]
    with process.engine.connect() as connection:
        usage = connection.execute(text("SELECT entries, size_bytes FROM kv_usage WHERE app_id = :id"), {"id": app_id})
        assert tuple(usage.one()) == (1, len("2") + len("a"))


def test_secrets_go_in_and_never_come_out(owner: Client, slug: str, process: Process) -> None:
    path = f"/apps/{slug}/secrets"
    made = owner.put(f"{path}/API_TOKEN", {"value": "hunter2-hunter2"})
    assert made["name"] == "API_TOKEN"
    owner.put(f"{path}/API_TOKEN", {"value": "hunter3-hunter3"})
    listed = owner.get(path)
    assert [item["name"] for item in listed["items"]] == ["API_TOKEN"]
    assert "hunter" not in str(listed) + str(made)
    with process.engine.connect() as connection:
        stored = connection.execute(text("SELECT sealed FROM secrets")).scalars().all()
        assert not any(b"hunter" in bytes(sealed) for sealed in stored)
    owner.delete(f"{path}/API_TOKEN")
    owner.delete(f"{path}/API_TOKEN", status=404)
    owner.put(f"{path}/no-dash", {"value": "x"}, status=422)
    owner.put(f"{path}/EMPTY", {"value": ""}, status=422)


def test_a_life_too_short_to_be_seen_is_no_error(owner: Client, slug: str) -> None:
    assert owner.put(f"/apps/{slug}/kv/c/k", {"value": 1, "ttl_s": 1e-6})["version"] == 1
    owner.get(f"/apps/{slug}/kv/c/k", status=404)
