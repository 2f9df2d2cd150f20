"""Every adapter against what nobody should send: messages in the shape that is promised, Invalid or BadSignature, no more.

`PICLOUD_FUZZ_S=600` gives each test that many seconds; without it they are quick.
"""

import base64
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picloud.domain.errors import BadSignature, Invalid
from picloud.inbound import mime
from picloud.inbound.adapters import PROVIDERS, adapter
from picloud.inbound.mail import Mail, as_event
from picloud.inbound.message import Message, read
from picloud.inbound.request import Request
from tests.unit.hostile_requests import RAW, REQUESTS, SECRETS, samples

FUZZ_S = float(os.environ.get("PICLOUD_FUZZ_S", "0"))
QUICK = settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def for_its_time(run: Callable[[], None]) -> None:
    """Once, and again with other examples until the time is over."""
    deadline = time.monotonic() + FUZZ_S
    run()
    while time.monotonic() < deadline:
        run()


def check_shape(message: Message) -> None:
    """What `read` takes from a sender is what the handler sees from every provider, addresses apart: mail may lack them."""
    email = json.loads(json.dumps(message.email))
    assert len(message.contents) == len(email["attachments"])
    assert isinstance(email.pop("truncated"), bool)
    for attachment in email["attachments"]:
        attachment["size"] = attachment["size"] or 0
        attachment["url"] = attachment.get("url") or ""
    read(
        {key: value for key, value in email.items() if value is not None}
        | {"from": email["from"] or "a", "to": email["to"] or ["b"]}
    )
    assert "\x00" not in json.dumps(email)


@pytest.mark.timeout(FUZZ_S + 300)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_adapter_gives_mails_or_refuses(provider: str) -> None:
    used = adapter(provider)

    @QUICK
    @given(st.one_of(REQUESTS, samples(provider)))
    def one(request: Request) -> None:
        with suppress(BadSignature):
            used.verify(request, SECRETS, 1_600_112_502.0)
        used.notice(request)
        try:
            messages = used.messages(request, signed=True)
        except Invalid:
            return
        for message in messages:
            check_shape(message)

    for_its_time(one)


@pytest.mark.timeout(FUZZ_S + 300)
def test_mime_of_any_sort_becomes_a_mail() -> None:
    @QUICK
    @given(RAW)
    def one(raw: bytes) -> None:
        email, contents = as_event(mime.parse(raw))
        check_shape(Message(b"", email, contents))

    for_its_time(one)


def nested(levels: int) -> bytes:
    opened = (f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(levels))
    return "".join(opened).encode() + b"\r\ninnermost"


HOSTILE: dict[str, Callable[[], bytes]] = {
    "5,000 nested parts": lambda: nested(5_000),
    "5,000 mails in mails": lambda: b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
    "200,000 parts": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 200_000,
    "false boundaries": lambda: nested(9) + b"\n--b0x" * 500_000,
    "10 MiB of line breaks": lambda: nested(9) + b"\n" * 10 * 1024 * 1024,
    "a header of 5 MiB": lambda: b"To: " + b"a@b, " * 1_000_000 + b"\r\n\r\n",
    "100,000 headers": lambda: b"X: y\r\n" * 100_000 + b"\r\n",
    "encoded words": lambda: b"Subject: " + b"=?utf-8?q?=e4?= " * 200_000 + b"\r\n\r\n",
    "half an encoded word": lambda: b"Subject: " + b"=?utf-8?q?" * 200_000 + b"\r\n\r\n",
    "brackets": lambda: b"To: " + b'<("' * 500_000 + b"\r\n\r\n",
    "parameters": lambda: b"Content-Type: a/b" + b"; x*0*=''" * 100_000 + b"\r\n\r\n",
    "escaped quotation marks": lambda: b"To: " + b'"\\' * 500_000 + b"\r\n\r\n",
    "escaped brackets": lambda: b"To: " + b"(\\(" * 400_000 + b"\r\n\r\n",
    "parameters in 1,000 parts": lambda: (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + (b"--b\r\nContent-Type: multipart/x" + b"; x*0*=''" * 900 + b"\r\n\r\nx\r\n") * 1_200
    ),
    "punycode": lambda: b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 2_000_000,
    "a cut base64": lambda: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"SGk" * 1_000_001,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_costs_little(name: str) -> None:
    """Of the 60 s here each takes less than one on a quiet machine: a limit that is missing takes minutes, or all memory."""
    raw = HOSTILE[name]()
    started = time.process_time()
    email, contents = as_event(mime.parse(raw))
    check_shape(Message(b"", email, contents))
    assert time.process_time() - started < 60


def test_8_bit_names_and_line_breaks_are_folded() -> None:
    raw = (
        b"From: =?iso-8859-1?q?M=FCller?= <m@x>\r\nSubject: caf\xc3\xa9 \xe9\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain; charset=latin1\r\n\r\n\xe9\r\n--b\r\n"
        b'Content-Disposition: attachment; filename="a\r\n b.txt"\r\n\r\nx\r\n--b\r\n'
        b"Content-Disposition: attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac.txt\r\n\r\ny\r\n--b--"
    )
    email, contents = as_event(mime.parse(raw))
    assert email["from"] == "Müller <m@x>"
    assert email["subject"] == "cafÃ© é"
    assert email["text"] == "é"
    assert [item["filename"] for item in email["attachments"]] == ["a b.txt", "€.txt"]
    assert contents == [b"x", b"y"]


def test_content_is_decoded_leniently() -> None:
    raw = b"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nSG\r\nk!"
    assert as_event(mime.parse(raw))[1] == [base64.b64decode("SGk=")]


def test_no_address_is_empty() -> None:
    mail = Mail(to=["", " ", "<>", "a@b"], envelope_to=["<>", "\x00", "<c@d>"], envelope_from="<a\x7f\x01b>")
    email, _ = as_event(mail)
    assert (email["to"], email["envelope"]) == (["a@b"], {"from": "a b", "to": ["c@d"], "remote_ip": None})
