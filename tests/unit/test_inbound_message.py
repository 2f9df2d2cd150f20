import json
from typing import Any

import pytest

from picloud.domain.errors import FieldError, Invalid
from picloud.inbound.adapters.normalized import parse

LEAST = {"from": "ada@example.com", "to": ["in@box.example.org"]}


def parsed(**fields: Any) -> dict[str, Any]:
    return parse(json.dumps(LEAST | fields).encode())


def mistakes(**fields: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parsed(**fields)
    assert all(isinstance(error, FieldError) for error in caught.value.errors)
    return {error.pointer: error.detail for error in caught.value.errors}


def test_every_key_is_always_there() -> None:
    assert parsed() == {
        "from": "ada@example.com",
        "to": ["in@box.example.org"],
        "cc": [],
        "bcc": [],
        "reply_to": [],
        "subject": None,
        "text": None,
        "html": None,
        "date": None,
        "received_at": None,
        "message_id": None,
        "in_reply_to": None,
        "references": [],
        "envelope": {"from": None, "to": [], "remote_ip": None},
        "headers": [],
        "auth": {"spf": None, "dkim": None, "dmarc": None},
        "spam": {"score": None, "flagged": None},
        "attachments": [],
        "id": None,
    }


def test_the_contracts_example() -> None:
    email = parse(
        b"""{"from": "ada@example.com", "to": ["in@box.example.org"], "cc": [], "subject": "Hello", "text": "Hi",
        "html": null, "message_id": "<20261122.1@example.com>", "received_at": "2026-11-22T10:00:00Z",
        "headers": [["Reply-To", "ada@example.com"]],
        "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": "SGk="}]}"""
    )
    assert email["received_at"] == "2026-11-22T10:00:00Z"
    assert email["headers"] == [["Reply-To", "ada@example.com"]]
    assert email["attachments"] == [
        {
            "filename": "a.txt",
            "content_type": "text/plain",
            "size": 2,
            "content_id": None,
            "disposition": None,
            "content": "SGk=",
            "url": None,
        }
    ]


def test_unknown_fields_are_left_out() -> None:
    attachment = {"filename": None, "content_type": "a/b", "x": 1}
    email = parsed(unknown={"a": [1]}, envelope={"to": [], "x": 1}, attachments=[attachment])
    assert "unknown" not in email
    assert "x" not in email["envelope"]
    assert "x" not in email["attachments"][0]


def test_text_is_cleaned_and_kept() -> None:
    email = parsed(
        subject="a\0\r\nBcc: b\ud800",
        text="line\r\nline\0\ud83d",
        html="<p>\0</p>",
        headers=[["X\0", "folded\r\n value"]],
        id="i\0",
        attachments=[{"filename": "a\n\nb\0.txt", "content_type": "text/plain\0", "content_id": "\udc00"}],
        **{"from": "Ada \udc00 <ada@example.com>"},
    )
    assert email["subject"] == "a\ufffd Bcc: b\ufffd"
    assert email["text"] == "line\r\nline\ufffd\ufffd"
    assert email["html"] == "<p>\ufffd</p>"
    assert email["headers"] == [["X\ufffd", "folded\r\n value"]]
    assert email["id"] == "i\ufffd"
    assert email["from"] == "Ada \ufffd <ada@example.com>"
    assert email["attachments"][0]["filename"] == "a b\ufffd.txt"
    assert email["attachments"][0]["content_type"] == "text/plain\ufffd"
    assert email["attachments"][0]["content_id"] == "\ufffd"


def test_received_at_comes_to_utc() -> None:
    assert parsed(received_at="2026-11-22T12:00:00+02:00")["received_at"] == "2026-11-22T10:00:00Z"
    assert list(mistakes(received_at="2026-02-30T10:00:00Z")) == ["/received_at"]


@pytest.mark.parametrize("bad", ["a\r\nb@c", "a\nb", "a\0b", "a\x7fb", "\t", "a@b\n", "", "x" * 999, None, 1, ["a"]])
def test_bad_address_in_any_place(bad: Any) -> None:
    assert list(mistakes(**{"from": bad})) == ["/from"]
    for name in ("to", "cc", "bcc", "reply_to"):
        assert list(mistakes(**{name: ["a@b.example", bad]})) == [f"/{name}/1"]
    assert list(mistakes(envelope={"to": [bad]})) == ["/envelope/to/0"]


def test_envelope_sender_may_be_empty_but_holds_no_control_characters() -> None:
    assert parsed(envelope={"from": ""})["envelope"]["from"] == ""
    assert list(mistakes(envelope={"from": "a\r\nRCPT TO:<b>"})) == ["/envelope/from"]


@pytest.mark.parametrize("bad", ["<a\r\n@b>", "<a\0@b>", "<a b>", "<a>\n", "x" * 999, 1])
def test_bad_message_id_in_any_place(bad: Any) -> None:
    assert list(mistakes(message_id=bad)) == ["/message_id"]
    assert list(mistakes(in_reply_to=bad)) == ["/in_reply_to"]
    assert list(mistakes(references=["<a@b>", bad])) == ["/references/1"]


def test_from_and_one_to_are_required() -> None:
    with pytest.raises(Invalid) as caught:
        parse(b'{"subject": "x"}')
    assert [error.pointer for error in caught.value.errors] == ["/from", "/to"]
    assert list(mistakes(to=[])) == ["/to"]


def test_all_mistakes_are_named_up_to_a_limit() -> None:
    found = mistakes(subject=1, spam={"score": "5", "flagged": 0}, headers=[["a"]], attachments=[{"size": -1}])
    assert found.keys() == {
        *("/subject", "/spam/score", "/spam/flagged", "/headers/0"),
        *("/attachments/0/filename", "/attachments/0/content_type", "/attachments/0/size"),
    }
    assert len(mistakes(to=[1] * 200)) == 20


@pytest.mark.parametrize("content", ["SGk", "SGk=\0", "a", "SGk_", "SG k=", "====", "SGk=SGk=", "é", None, 5])
def test_attachment_that_is_not_base64(content: Any) -> None:
    attachment = {"filename": None, "content_type": "a/b", "content": content}
    good = {"filename": None, "content_type": "a/b", "content": ""}
    assert list(mistakes(attachments=[good, attachment])) == ["/attachments/1/content"]


@pytest.mark.parametrize(
    ("content", "size_bytes"), [("", 0), ("YQ==", 1), ("SGk=", 2), ("YWJj", 3), ("YWJj\r\nZGVm\n", 6)]
)
def test_size_is_filled_in_from_the_content(content: str, size_bytes: int) -> None:
    attachment = {"filename": None, "content_type": "a/b", "content": content}
    accepted = parsed(attachments=[attachment])["attachments"][0]
    assert accepted["size"] == size_bytes
    assert accepted["content"] == content.replace("\r\n", "").replace("\n", "")
    assert parsed(attachments=[attachment | {"size": 7}])["attachments"][0]["size"] == 7


@pytest.mark.parametrize("bad", [-1, 1.5, True, "2", None, -1e300])
def test_bad_size(bad: Any) -> None:
    attachment = {"filename": None, "content_type": "a/b", "size": bad}
    assert list(mistakes(attachments=[attachment])) == ["/attachments/0/size"]


def test_numbers() -> None:
    attachment = {"filename": None, "content_type": "a/b", "size": 3.0}
    assert repr(parsed(attachments=[attachment])["attachments"][0]["size"]) == "3"
    assert parsed(spam={"score": -2.5, "flagged": False})["spam"] == {"score": -2.5, "flagged": False}
    assert list(mistakes(spam={"score": True})) == ["/spam/score"]


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"a"', b"5"])
def test_a_message_is_an_object(raw: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        parse(raw)
    assert caught.value.errors == (FieldError("", "must be an object"),)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b'{"from": "a", "to": ["b"], "x": NaN}',
        b'{"from": "a", "to": ["b"], "from": "c"}',
        b'{"from": "a", "to": ["b"], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"from": "a", "to": ["b"], "x": ' + b"1" * 5000 + b"}",
        b'{"from": "a", "to": ["b"], "text": "\xff"}',
        "from=a&to=b".encode("utf-16"),
    ],
)
def test_what_is_not_good_json_is_invalid(raw: bytes) -> None:
    with pytest.raises(Invalid):
        parse(raw)
