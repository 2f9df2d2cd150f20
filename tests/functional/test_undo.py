"""A cancelled delivery and a deleted trigger are taken back, by the API and by the dashboard."""

from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.process import Process
from picloud.services.retention.rows import forget_triggers
from picloud.settings import Settings
from tests.functional.browsing import browser, email, form_to, signed_in
from tests.functional.client import Client, eventually

__all__ = ["browser", "email", "signed_in"]

WORKS = "def handler(ctx):\n    if ctx.event.attempt == 1:\n        raise ValueError('not yet')\n"
LATER = {"script": "work", "max_attempts": 4, "backoff_base_s": 5000, "backoff_cap_s": 5000}
KINDS: dict[str, dict[str, Any]] = {
    "kv": {"collection_glob": "orders-*"},
    "cron": {"schedule": "0 7 * * 1-5"},
    "queue": {"queue": "jobs"},
    "dead_letter": {"source_kind": "email"},
    "email": {"inbound_secret": None},
}
LATELY = {"last_fired_at", "last_result", "next_at", "next_times"}


@pytest.fixture
def shop(owner: Client) -> str:
    slug = owner.new_app()
    owner.script(slug, "work", WORKS)
    return f"/apps/{slug}"


def waiting(owner: Client, shop: str) -> str:
    """The path of a delivery that has failed once and is tried again in an hour or so."""
    trigger = owner.post(f"{shop}/triggers/queue", LATER | {"queue": "jobs"})
    sent = owner.post(f"{shop}/triggers/{trigger['id']}/test", {}, status=202)
    path = f"{shop}/deliveries/{sent['delivery_id']}"
    eventually(lambda: owner.get(path)["state"] == "retrying")
    return path


def test_a_cancelled_delivery_waits_again_as_it_did_and_is_delivered_once(owner: Client, shop: str) -> None:
    path = waiting(owner, shop)
    before = owner.get(path)
    assert owner.post(f"{path}/cancel", status=200)["state"] == "cancelled"
    owner.post(f"{path}/retry", status=409)
    assert owner.post(f"{path}/restore", status=202)["state"] == "retrying"
    assert owner.get(path) == before
    owner.post(f"{path}/restore", status=409)
    owner.post(f"{path}/retry", status=202)
    eventually(lambda: owner.get(path)["state"] == "delivered")
    assert [(each["attempt"], each["status"]) for each in owner.get(path)["attempts"]] == [(1, "error"), (2, "ok")]
    owner.post(f"{path}/restore", status=409)


def test_it_comes_back_when_its_event_is_gone(owner: Client, shop: str, process: Process) -> None:
    path = waiting(owner, shop)
    event = owner.get(path)["event"]
    owner.post(f"{path}/cancel", status=200)
    with process.runtime.sessions.begin() as session:
        assert session.execute(text("DELETE FROM events WHERE id = :id RETURNING id"), {"id": event["id"]}).all()
    owner.post(f"{path}/restore", status=202)
    assert owner.get(path)["event"]["queue"] == event["queue"]


def test_of_another_app_it_is_not_there(owner: Client, shop: str) -> None:
    path = waiting(owner, shop)
    other = f"/apps/{owner.new_app()}"
    owner.post(f"{path}/cancel", status=200)
    owner.post(f"{other}{path.removeprefix(shop)}/restore", status=404)
    trigger = owner.get(f"{shop}/triggers")["items"][0]["id"]
    owner.delete(f"{shop}/triggers/{trigger}")
    owner.post(f"{other}/triggers/{trigger}/restore", status=404)


@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_trigger_comes_back_as_it_was(owner: Client, shop: str, kind: str) -> None:
    made = owner.post(f"{shop}/triggers/{kind}", {"script": "work"} | KINDS[kind])
    path = f"{shop}/triggers/{made['id']}"
    owner.post(f"{path}/restore", status=409)
    owner.delete(path)
    owner.get(path, status=404)
    owner.patch(path, {"enabled": True}, status=404)
    owner.post(f"{path}/test", {}, status=404)
    owner.delete(path, status=404)
    assert owner.get(f"{shop}/triggers")["items"] == []
    back = owner.post(f"{path}/restore", status=200)
    assert {name: back[name] for name in back.keys() - LATELY} == {name: made[name] for name in back.keys() - LATELY}
    assert back.get("next_at") == made.get("next_at")
    owner.post(f"{path}/restore", status=409)


def test_what_is_deleted_is_set_off_by_nothing_until_it_is_back(owner: Client, shop: str) -> None:
    trigger = owner.post(f"{shop}/triggers/kv", {"script": "work"} | KINDS["kv"])
    mail = owner.post(f"{shop}/triggers/email", {"script": "work"} | KINDS["email"])
    door = "/api/v1/email-inbound/" + mail["inbound_url"].partition("/email-inbound/")[2]
    body = {"from": "ada@example.com", "to": ["b@example.org"]}
    for each in (trigger, mail):
        owner.delete(f"{shop}/triggers/{each['id']}")
    owner.put(f"{shop}/kv/orders-1/a", {"value": 1})
    owner.app.post_json(door, body, status=404)
    assert owner.get(f"{shop}/deliveries")["items"] == []
    for each in (trigger, mail):
        owner.post(f"{shop}/triggers/{each['id']}/restore", status=200)
    owner.put(f"{shop}/kv/orders-1/b", {"value": 1})
    owner.app.post_json(door, body, status=202)
    assert {each["kind"] for each in owner.get(f"{shop}/deliveries")["items"]} == {"kv", "email"}


def test_a_script_and_a_user_go_with_the_deleted_triggers_that_need_them(owner: Client, shop: str) -> None:
    trigger = owner.post(f"{shop}/triggers/queue", {"script": "work", "queue": "jobs"})
    owner.delete(f"{shop}/scripts/work", status=409)
    owner.delete(f"{shop}/triggers/{trigger['id']}")
    owner.delete(f"{shop}/scripts/work")
    owner.post(f"{shop}/triggers/{trigger['id']}/restore", status=404)


def test_long_deleted_triggers_go_for_good_with_what_only_heard_of_them(
    owner: Client, shop: str, process: Process, settings: Settings
) -> None:
    def made(kind: str, **fields: Any) -> str:
        return str(owner.post(f"{shop}/triggers/{kind}", {"script": "work", **fields})["id"])

    long_ago, lately, stays = (made("queue", queue=name) for name in ("a", "b", "c"))
    heard = made("dead_letter", source_trigger_id=long_ago)
    hears = made("dead_letter", source_trigger_id=lately)
    for each in (long_ago, lately):
        owner.delete(f"{shop}/triggers/{each}")
    age = text("UPDATE triggers SET deleted_at = deleted_at - make_interval(days => :days) WHERE id = :id")
    with process.runtime.sessions.begin() as session:
        session.execute(age, {"days": settings.closed_keep_days + 1, "id": long_ago})
    with process.engine.connect() as connection:
        forget_triggers(connection, settings)
        left = connection.execute(text("SELECT id::text FROM triggers")).scalars().all()
    assert {long_ago, lately, stays, heard, hears} & set(left) == {lately, stays, hears}
    owner.post(f"{shop}/triggers/{long_ago}/restore", status=404)
    owner.post(f"{shop}/triggers/{lately}/restore", status=200)


def test_the_dashboard_offers_both(signed_in: TestApp, owner: Client, shop: str) -> None:
    path = waiting(owner, shop)
    form_to(signed_in.get(path), "/cancel").submit(status=303)
    back = form_to(signed_in.get(path), "/restore").submit(status=303)
    assert "retrying" in back.follow().html.main.h1.text
    [trigger] = owner.get(f"{shop}/triggers")["items"]
    gone = form_to(signed_in.get(f"{shop}/triggers/{trigger['id']}"), "/delete").submit(status=303).follow()
    assert "is deleted" in gone.html.main.text
    form_to(gone, "/restore").submit(status=303)
    assert [each["id"] for each in owner.get(f"{shop}/triggers")["items"]] == [trigger["id"]]
