"""Email triggers whose sender waits for the first attempt."""

import json
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.domain.errors import Unavailable
from picloud.process import Process
from tests.functional.client import Client, eventually
from tests.functional.test_email_inbound import Inbox, mail, post

ONCE = "def handler(ctx):\n    if ctx.event.attempt == 1:\n        raise ValueError('once')\n"
NEVER = "def handler(ctx):\n    ctx.fail('never')\n"


def sent(app: TestApp, inbox: Inbox, body: bytes, status: int) -> Any:
    return post(app, inbox.path, body, status=status).json


@pytest.fixture
def body() -> bytes:
    return json.dumps(mail()).encode()


def test_a_repeat_of_a_delivered_mail_is_told_so(app: TestApp, owner: Client, process: Process, body: bytes) -> None:
    inbox = Inbox(owner, secret=None, dispatch_mode="sync")
    first = sent(app, inbox, body, 200)
    assert (first["status"], first["duplicate"]) == ("delivered", False)
    assert inbox.execution_of(first["delivery_id"])["status"] == "ok"
    assert sent(app, inbox, body, 200) == first | {"duplicate": True}
    assert process.runtime.completions.waiting == 0


def test_a_first_attempt_that_fails_is_queued_and_tried_again(app: TestApp, owner: Client, body: bytes) -> None:
    inbox = Inbox(owner, secret=None, source=ONCE, dispatch_mode="sync")
    first = sent(app, inbox, body, 202)
    assert first["status"] == "queued"
    path = f"/apps/{inbox.slug}/deliveries/{first['delivery_id']}"
    delivery = eventually(lambda: (found := owner.get(path))["state"] == "delivered" and found)
    assert [attempt["attempt"] for attempt in delivery["attempts"]] == [1, 2]
    assert sent(app, inbox, body, 200) == first | {"status": "delivered", "duplicate": True}


def test_a_mail_that_failed_for_good_is_not_called_delivered(app: TestApp, owner: Client, body: bytes) -> None:
    inbox = Inbox(owner, secret=None, source=NEVER, dispatch_mode="sync")
    first = sent(app, inbox, body, 202)
    eventually(lambda: owner.get(f"/apps/{inbox.slug}/dead-letters")["items"])
    assert sent(app, inbox, body, 202) == first | {"duplicate": True}


def test_who_does_not_wait_is_not_told(app: TestApp, owner: Client, body: bytes) -> None:
    inbox = Inbox(owner, secret=None)
    first = sent(app, inbox, body, 202)
    assert inbox.execution_of(first["delivery_id"])["status"] == "ok"
    assert sent(app, inbox, body, 202) == first | {"duplicate": True}


def test_where_too_many_wait_the_mail_is_queued(app: TestApp, owner: Client, process: Process, body: bytes) -> None:
    inbox = Inbox(owner, secret=None, dispatch_mode="sync")
    with ExitStack() as seats:
        while _took_a_seat(process, seats):
            pass
        first = sent(app, inbox, body, 202)
    assert inbox.execution_of(first["delivery_id"])["status"] == "ok"


def _took_a_seat(process: Process, seats: ExitStack) -> bool:
    try:
        seats.enter_context(process.runtime.callers.seat())
    except Unavailable:
        return False
    return True


def test_nothing_is_expected_of_a_commit_that_failed(
    app: TestApp, owner: Client, process: Process, body: bytes
) -> None:
    inbox = Inbox(owner, secret=None, dispatch_mode="sync")
    with process.engine.begin() as connection:
        connection.execute(text(_REFUSE.format(app_id=inbox.trigger["app_id"])))
    try:
        assert sent(app, inbox, body, 503)["code"] == "database_away"
    finally:
        with process.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER refuse ON outbox; DROP FUNCTION refuse"))
    assert process.runtime.completions.waiting == 0
    assert sent(app, inbox, body, 200)["duplicate"] is False


_REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '57P01'; END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.app_id = '{app_id}') EXECUTE FUNCTION refuse()
"""
