"""Records keep enough of large parts to see what they were."""

import json

import pytest

from picloud.services.executions.kept_parts import KEPT_BYTES, kept, kept_event


def test_what_fits_is_kept_as_it_is() -> None:
    part = b'"' + b"x" * (KEPT_BYTES - 2) + b'"'
    assert kept(part) == kept_event(part) == part.decode()


@pytest.mark.parametrize("character", ["x", "é", "\\u0000", "\U0001f600"])
def test_a_larger_part_is_its_start_in_json(character: str) -> None:
    part = ('"' + character * KEPT_BYTES + '"').encode()
    found = json.loads(kept(part))
    assert (found["truncated"], found["size_bytes"]) == (True, len(part))
    assert part.decode().startswith(found["start"])
    assert len(kept(part)) < KEPT_BYTES


def test_of_a_call_the_body_goes_first() -> None:
    event = {"id": "1", "kind": "http", "http": {"path": "/p", "headers": {"a": "b"}, "body_base64": "eHh4" * 100_000}}
    found = json.loads(kept_event(json.dumps(event).encode()))
    assert (found["id"], found["truncated"], found["http"]["path"]) == ("1", True, "/p")
    assert (found["http"]["size_bytes"], found["http"]["body_base64"][:8]) == (300_000, "eHh4eHh4")
    assert found["http"]["headers"] == {"a": "b"}


def test_a_call_with_more_than_a_large_body_keeps_its_start() -> None:
    event = {"id": "1", "kind": "http", "http": {"path": "/p", "query": {"a": "x" * 100_000}, "body_base64": ""}}
    text = kept_event(json.dumps(event).encode())
    found = json.loads(text)
    assert (found["id"], found["kind"], found["truncated"], found["http"]["truncated"]) == ("1", "http", True, True)
    assert len(text) < KEPT_BYTES


def test_an_event_of_another_kind_keeps_its_start() -> None:
    event = {"id": "1", "kind": "manual", "manual": "x" * 100_000}
    found = json.loads(kept_event(json.dumps(event).encode()))
    assert (found["id"], found["manual"]["truncated"]) == ("1", True)
