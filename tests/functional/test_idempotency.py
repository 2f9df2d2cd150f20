"""Idempotency-Key: a request that is sent again changes nothing twice."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from picloud.models import IdempotentAnswer
from picloud.process import Process
from picloud.services.requests.idempotency import Asked
from tests.functional.client import ADMIN, Client, check_problem, unique
from tests.functional.conftest import make_key


def post(client: Client, path: str, body: Any, key: str) -> Any:
    headers = client.headers | {"Idempotency-Key": key}
    return client.app.post_json(ADMIN + path, body, headers=headers, status="*")


def test_the_same_answer_again(owner: Client) -> None:
    body, key = {"slug": unique("once"), "name": "An app"}, unique("key")
    first, second = post(owner, "/apps", body, key), post(owner, "/apps", body, key)
    assert (first.status_int, second.status_int) == (201, 201)
    assert second.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.content_type == "application/json"


def test_another_body_is_refused(owner: Client) -> None:
    key = unique("key")
    assert post(owner, "/apps", {"slug": unique("once")}, key).status_int == 201
    refused = post(owner, "/apps", {"slug": unique("once")}, key)
    assert (refused.status_int, refused.json["code"]) == (422, "idempotency_key_reused")
    check_problem(refused)


def test_what_failed_may_be_sent_again(owner: Client) -> None:
    key, slug = unique("key"), owner.new_app()
    body = {"name": "late", "kind": "endpoint", "source": "def handler(ctx):\n    return None\n"}
    assert post(owner, "/apps/not-yet/scripts", body, key).status_int == 404
    assert post(owner, f"/apps/{slug}/routes", {"method": "GET", "path": "/x", "script": "late"}, key).status_int == 422
    assert post(owner, f"/apps/{slug}/scripts", body, key).status_int == 201
    assert post(owner, f"/apps/{slug}/routes", {"method": "GET", "path": "/x", "script": "late"}, key).status_int == 201


def test_a_key_is_its_user_s_own(owner: Client, app: TestApp, process: Process) -> None:
    key = unique("key")
    other = Client(app, make_key(process, InstanceRole.ADMIN))
    assert post(owner, "/apps", {"slug": unique("mine")}, key).status_int == 201
    assert post(other, "/apps", {"slug": unique("theirs")}, key).status_int == 201


def test_who_may_no_longer_ask_gets_no_answer(owner: Client, app: TestApp, process: Process) -> None:
    body, key = {"slug": unique("once")}, unique("key")
    admin = Client(app, make_key(process, InstanceRole.ADMIN))
    assert post(admin, "/apps", body, key).status_int == 201
    owner.patch(f"/users/{admin.get('/me')['id']}", {"role": "member"})
    assert post(admin, "/apps", body, key).status_int == 403


def test_a_kept_answer_shows_no_secret(owner: Client, process: Process) -> None:
    made = post(owner, "/api-keys", {"name": "once", "scopes": ["log:read"]}, unique("key"))
    with Session(process.engine) as session:
        rows = session.scalars(select(IdempotentAnswer).where(IdempotentAnswer.path == ADMIN + "/api-keys")).all()
    assert rows
    assert not any(made.json["key"].encode() in row.sealed for row in rows)


def test_one_that_is_being_worked_on_is_a_conflict(owner: Client, process: Process) -> None:
    key, slug = unique("key"), unique("once")
    asked = Asked(owner.get("/me")["id"], ADMIN + "/apps", key, b"")
    with Session(process.engine) as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": asked.lock()})
        refused = post(owner, "/apps", {"slug": slug}, key)
    assert (refused.status_int, refused.json["code"]) == (409, "idempotency_in_flight")
    assert post(owner, "/apps", {"slug": slug}, key).status_int == 201


def test_of_many_at_once_one_is_made(owner: Client) -> None:
    slug, key, start = unique("once"), unique("key"), Event()

    def send(_: int) -> int:
        start.wait()
        return int(post(owner, "/apps", {"slug": slug}, key).status_int)

    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(send, range(4))
        start.set()
        statuses = set(answers)
    assert statuses <= {201, 409}
    assert post(owner, "/apps", {"slug": slug}, key).status_int == 201
    owner.get(f"/apps/{slug}")


def test_an_answer_is_kept_for_a_day(owner: Client, process: Process) -> None:
    key = unique("key")
    post(owner, "/apps", {"slug": unique("once")}, key)
    with Session(process.engine) as session, session.begin():
        age = text("UPDATE idempotent_answers SET created_at = now() - interval '25 hours' WHERE key = :key")
        session.execute(age, {"key": key})
    assert post(owner, "/apps", {"slug": unique("once")}, key).status_int == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256])
def test_a_key_that_is_none(owner: Client, key: str) -> None:
    refused = post(owner, "/apps", {"slug": unique("once")}, key)
    assert refused.status_int == 400
    check_problem(refused)
