"""What real mail has that samples don't: fields left out, lists for strings, odd names, retries of the same mail."""

import json
from typing import Any

import pytest

from picloud.domain.errors import Invalid
from picloud.inbound.adapters import PROVIDERS, adapter
from picloud.inbound.message import Message
from picloud.inbound.request import Request
from tests.unit.test_inbound_samples import EMAIL, sample


def messages(provider: str, document: Any) -> list[Message]:
    request = Request({"content-type": "application/json"}, json.dumps(document).encode())
    return adapter(provider).messages(request, signed=True)


def email(provider: str, document: Any) -> dict[str, Any]:
    [found] = messages(provider, document)
    return found.email


def mime(raw: bytes) -> dict[str, Any]:
    [found] = adapter("mime").messages(Request({"content-type": "message/rfc822"}, raw), signed=True)
    return found.email


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_mail_again_has_the_same_key_and_another_one_has_not(provider: str) -> None:
    """A retry: the signature, its time and the headers that the way adds may be new."""

    def key(**changed: Any) -> bytes:
        [found] = adapter(provider).messages(sample(provider, None, **changed), signed=True)
        return found.dedupe_key

    assert key() == key()
    by_its_own_id = {"normalized", "mime", "cloudflare", "mailgun", "mailersend", "postmark", "ses", "postal", "brevo"}
    if provider not in by_its_own_id:
        assert key(message_id="<2@example.com>") != key()
        assert key(text="Another") != key()
        assert key(message_id=None) == key(message_id=None) != key()
        assert key(headers=[["Received", "on another way"]]) == key()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_inline_images_and_files_of_one_name_are_all_there(provider: str) -> None:
    attached = [dict(each) for each in EMAIL["attachments"]]
    for each in attached:
        each["filename"] = "same.png"
    [found] = adapter(provider).messages(sample(provider, None, attachments=attached), signed=True)
    assert [item["filename"] for item in found.email["attachments"]] == ["same.png"] * 2
    if provider != "brevo":  # names attachments, and sends neither content nor Content-ID in this sample
        assert [item["content_id"] for item in found.email["attachments"]] == [None, "<logo>"]
        assert [item["disposition"] for item in found.email["attachments"]][1] == "inline"


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name not in ("normalized", "mime", "cloudflare")])
@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"", b"\xff", b'{"items": {}}', b"0"])
def test_a_body_that_holds_no_mail_is_refused_or_empty(provider: str, body: bytes) -> None:
    for content_type in ("application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        try:
            found = adapter(provider).messages(Request({"content-type": content_type}, body), signed=True)
        except Invalid:
            continue
        assert len(found) <= 1


def test_lists_stand_for_strings_and_strings_for_lists() -> None:
    assert email("mailjet", {"Headers": {"To": ["a@b", "c@d"], "Message-ID": ["<1@x>", "<2@x>"]}})["to"] == [
        "a@b",
        "c@d",
    ]
    assert email("cloudmailin", {"headers": {"to": ["a@b, c@d"], "from": ["e@f", "g@h"]}})["from"] == "e@f"
    assert email("postmark", {"From": "Ada <a@b>", "To": "c@d, e@f"})["to"] == ["c@d", "e@f"]
    assert email("brevo", {"items": [{"Recipients": "a@b", "Uuid": "one"}]})["envelope"]["to"] == ["a@b"]
    assert email("ses", {"notificationType": "Received", "receipt": {"recipients": "a@b"}})["to"] == ["a@b"]
    assert email("postal", {"to": ["a@b", "c@d"], "rcpt_to": "x@y"})["to"] == ["a@b", "c@d"]


def test_names_of_headers_may_be_written_in_any_case() -> None:
    found = email(
        "mailjet", {"Headers": {"TO": "a@b", "message-id": "<1@x>", "DATE": "Mon, 1 Jan 2024 00:00:00 +0000"}}
    )
    assert (found["to"], found["message_id"], found["date"][:3]) == (["a@b"], "<1@x>", "Mon")
    found = mime(b"FROM: a@b\nto: c@d\nSUBJECT: s\nCONTENT-TYPE: TEXT/HTML; CHARSET=UTF-8\n\n<p>\xc3\xa4</p>")
    assert (found["from"], found["to"], found["subject"], found["html"]) == ("a@b", ["c@d"], "s", "<p>ä</p>")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Friends: a@b, Kim <c@d>;", ["a@b", "Kim <c@d>"]),
        ("undisclosed-recipients:;", []),
        ("A: a@b;, B: c@d;", ["a@b", "c@d"]),
        ('"Doe, Jane" <a@b>, c@d', ['"Doe, Jane" <a@b>', "c@d"]),
        ("=?utf-8?q?Doe=2C_Jane?= <a@b>, c@d", ['"Doe, Jane" <a@b>', "c@d"]),
        ("Jürgen Müller <a@b>", ["Jürgen Müller <a@b>"]),
        ("=?iso-2022-jp?b?GyRCOzNFRBsoQg==?= <a@b>", ["山田 <a@b>"]),
        ("(a comment, with a comma) a@b, c@d", ["(a comment, with a comma) a@b", "c@d"]),
        (r'"a \"quoted, name\"" <a@b>, c@d', [r'"a \"quoted, name\"" <a@b>', "c@d"]),
        ('"unclosed <a@b>, c@d', ['"unclosed <a@b>', "c@d"]),
        ("a@b;c@d", ["a@b", "c@d"]),
        ("<a@b>", ["a@b"]),
        ("a@b,\r\n c@d", ["a@b", "c@d"]),
        ("", []),
    ],
)
def test_addresses_as_people_write_them(value: str, expected: list[str]) -> None:
    assert mime(f"To: {value}\r\n\r\nx".encode())["to"] == expected


def test_a_mail_may_be_nothing_but_its_header_or_its_body() -> None:
    assert mime(b"From: a@b\r\nTo: c@d\r\n")["text"] in (None, "")
    assert mime(b"\r\nHello")["text"] == "Hello"
    assert mime(b"From: a@b\r\nContent-Type: text/html\r\n\r\n<b>x</b>")["text"] is None
    assert mime(b"")["from"] == ""


def test_a_charset_that_is_a_lie_loses_no_mail() -> None:
    for charset, body, text in (
        ("utf-8", b"caf\xe9", "caf\ufffd"),
        ("us-ascii", "café".encode(), "café"),
        ("us-ascii", b"caf\xe9", "café"),
        ("x-unknown", "café".encode(), "café"),
        ("iso-8859-1", b"caf\xe9", "café"),
        ('"utf-8"', "café".encode(), "café"),
    ):
        assert mime(f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + body)["text"] == text, charset


def test_of_fields_that_stand_twice_the_first_counts_and_all_are_shown() -> None:
    found = mime(
        b"Subject: one\nFrom: a@b\nSubject: two\nFrom: c@d\nTo: e@f\nTo: g@h\nMessage-ID: <1@x>\nMessage-ID: <2@x>\n\n"
    )
    assert (found["subject"], found["from"], found["to"], found["message_id"]) == (
        "one",
        "a@b",
        ["e@f", "g@h"],
        "<1@x>",
    )
    assert [name for name, _ in found["headers"]].count("Subject") == 2


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_header_name_in_upper_case_proves_as_much(provider: str) -> None:
    """The receiver hands names on in lower case: the samples' own have to be."""
    made = sample(provider, "user:password")
    assert all(name == name.lower() for name in made.headers)
