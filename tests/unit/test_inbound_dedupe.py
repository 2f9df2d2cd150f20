import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.inbound import dedupe
from picloud.inbound.adapters import adapter
from picloud.inbound.message import read
from picloud.inbound.request import Request

MAIL: dict[str, Any] = {
    "from": "ada@example.com",
    "to": ["in@box.example.org"],
    "subject": "Hello",
    "text": "Hi",
    "html": "<p>Hi",
    "message_id": "<1@example.com>",
    "attachments": [{"filename": "a", "content_type": "b", "content": "SGk="}],
}


def key(headers: dict[str, str] | None = None, *, signed: bool = True, **changes: Any) -> bytes:
    return dedupe.key(headers or {}, read(MAIL | changes), signed=signed)


def test_webhook_id_then_body_id_then_content() -> None:
    assert key({"webhook-id": "m1"}, id="a", subject="x") == key({"webhook-id": "m1"}, id="b", subject="y")
    assert key({"webhook-id": "m1"}) == key({"svix-id": "m1"})
    assert key({"webhook-id": "m1"}) != key({"webhook-id": "m2"})
    assert key(id="a", subject="x") == key(id="a", subject="y")
    assert key(id="a") != key(id="b")
    assert key() == key()


def test_sorts_never_meet() -> None:
    keys = {
        *(key({"webhook-id": "a"}), key(id="a"), key(message_id="a")),
        *(
            key({"webhook-id": "a"}, signed=False),
            key(id="a", signed=False),
            key(message_id="a", signed=False),
        ),
    }
    assert len(keys) == 6
    assert {len(each) for each in keys} == {34}


def test_malformed_webhook_id_on_an_unsigned_trigger_is_passed_over() -> None:
    assert key({"webhook-id": "a, a"}, signed=False) == key(signed=False)
    assert key({"webhook-id": ""}, id="1", signed=False) == key(id="1", signed=False)


@pytest.mark.parametrize(
    "change",
    [
        {"received_at": "2026-11-22T10:00:00Z"},
        {"date": "Sun, 22 Nov 2026 10:00:00 +0000"},
        {"headers": [["X-Attempt", "2"]]},
        {"spam": {"score": 1.5}},
        {"envelope": {"remote_ip": "192.0.2.1"}},
        {"something_else": 1},
    ],
)
def test_what_differs_from_try_to_try_is_not_content(change: dict[str, Any]) -> None:
    assert key(**change) == key()


@pytest.mark.parametrize(
    "change",
    [
        {"from": "bob@example.com"},
        {"to": ["other@box.example.org"]},
        {"to": ["in@box.example.org", "b@c"]},
        {"cc": ["b@c"]},
        {"bcc": ["b@c"]},
        {"reply_to": ["b@c"]},
        {"envelope": {"to": ["b@c"]}},
        {"envelope": {"from": "b@c"}},
        {"subject": "Hello "},
        {"text": "HiHi"},
        {"text": "Hi<p>Hi", "html": ""},
        {"html": None},
        {"message_id": "<2@example.com>"},
        {"attachments": []},
        {"attachments": [{"filename": "a", "content_type": "b", "content": "SGo="}]},
    ],
)
def test_content_is_addresses_subject_bodies_message_id_and_attachments(change: dict[str, Any]) -> None:
    assert key(**change) != key()


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.text('a",[]\\', max_size=4)] * 3), st.tuples(*[st.text('a",[]\\', max_size=4)] * 3))
def test_fields_do_not_run_into_one_another(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    names = ("subject", "text", "html")
    same = key(**dict(zip(names, one, strict=True))) == key(**dict(zip(names, other, strict=True)))
    assert same == (one == other)


def test_normalized_adapter_gives_one_message_with_its_key() -> None:
    request = Request({"webhook-id": "m1"}, json.dumps(MAIL).encode())
    (message,) = adapter("normalized").messages(request, signed=True)
    expected = read(MAIL) | {"truncated": False}
    assert [attachment.pop("content") for attachment in expected["attachments"]] == ["SGk="]
    assert message.email == expected
    assert message.contents == [b"Hi"]
    assert message.dedupe_key == key({"webhook-id": "m1"})
