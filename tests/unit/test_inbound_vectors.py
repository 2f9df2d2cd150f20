"""Real payloads and signatures that providers and their libraries publish. They are kept outside this project; without
them these tests are skipped."""

import base64
import json
from collections.abc import Mapping
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from picloud.domain.errors import BadSignature
from picloud.inbound.adapters import adapter, ses
from picloud.inbound.message import Message
from picloud.inbound.request import Request

FOLDER = Path(__file__).parents[3] / "shared" / "vectors" / "email"
FILES = sorted(FOLDER.glob("*.json"))

PROVIDERS = {
    "01": "normalized",
    "02": "normalized",
    "05": "normalized",
    "06": "mailgun",
    "07": "sendgrid",
    "08": "postal",
    "09": "mailgun",
    "10": "mailgun",
    "11": "postmark",
    "12": "postmark",
    "13": "postmark",
    "14": "postmark",
    "15": "postal",
    "17": "brevo",
    "18": "mailjet",
    "19": "sparkpost",
    "20": "sendgrid",
    "21": "sendgrid",
    "22": "sendgrid",
    "23": "mailersend",
    "24": "ses",
    "25": "ses",
    "26": "mandrill",
    "27": "cloudmailin",
}
LEFT_OUT = {
    "16": "Resend sends no body: it would have to be fetched with an API key, which no adapter does",
    "31": "holds rules of SNS, not a request: see test_sns_rules",
}
DIFFERENCES: Mapping[tuple[str, str], str] = {
    ("13", "subject"): "None says that there was none, as in every other event",
    ("13", "text"): "as above",
    ("13", "html"): "as above",
    ("15", "text"): "stands in a mail that is attached; what somebody forwards is not what the sender says",
    ("15", "files"): "the attached mail has 1,195 bytes; Python's generator, asked for its size, adds a line break",
    ("10", "spam"): "nothing was said about spam: None, not False",
    ("12", "spam"): "as above",
    ("13", "spam"): "as above",
    ("12", "event_id"): "the id of every press of Check; as an id it would make them duplicates of one another",
}
LATE = "11 min late"
"""Rails takes 5 minutes. Mailgun repeats for 8 h with the same timestamp, so 9 h are taken, and each token once."""


def vector(path: Path) -> Any:
    return json.loads(path.read_text())


def body_of(found: Mapping[str, Any]) -> bytes:
    if "body_b64" in found:
        return base64.b64decode(found["body_b64"])
    return str(found["body"]).encode()


def request_of(found: Mapping[str, Any]) -> Request:
    headers = {name.lower(): value for name, value in found.get("headers", {}).items()}
    return Request(headers | {"content-type": found.get("content_type", "application/json")}, body_of(found))


def mails(number: str, found: Mapping[str, Any]) -> list[Message]:
    return adapter(PROVIDERS[number]).messages(request_of(found), signed=False)


def with_number(*, having: str) -> list[Any]:
    found = [(path.name[:2], vector(path)) for path in FILES]
    return [pytest.param(number, each, id=number) for number, each in found if having in each]


def test_every_file_is_used_or_left_out_for_a_reason() -> None:
    if not FILES:
        pytest.skip("the vectors are not here")
    assert {path.name[:2] for path in FILES} <= set(PROVIDERS) | set(LEFT_OUT)


def signed_request(found: Mapping[str, Any]) -> Request:
    if found["scheme"] == "simple-sha256-hex":
        return Request({found["header_name"].lower(): found["signature"]}, body_of(found))
    if found["scheme"] == "mailgun":
        parts = "".join(
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in found["fields"].items()
        )
        return Request({"content-type": "multipart/form-data; boundary=x"}, f"{parts}--x--\r\n".encode())
    return request_of(found)


def merged(base: dict[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    changed = base | {key: value for key, value in variant.items() if key not in ("headers", "fields")}
    for part in ("headers", "fields"):
        if part in base:
            changed[part] = base[part] | variant.get(part, {})
    changed.get("headers", {}).pop(variant.get("drop_header"), None)
    return changed


def accepts(number: str, found: Mapping[str, Any]) -> bool:
    used = adapter(PROVIDERS[number])
    secret = used.read_secret(found.get("public_key") or found["secret"])
    try:
        used.verify(signed_request(found), [secret], float(found.get("now", 1_600_000_000)))
    except BadSignature:
        return False
    return True


@pytest.mark.parametrize(("number", "found"), with_number(having="scheme"))
def test_signatures_are_accepted_or_refused_as_they_say(number: str, found: dict[str, Any]) -> None:
    assert accepts(number, found) == (found["expect"] == "accept")
    for variant in found.get("variants", []):
        if LATE in variant.get("why", "") or variant["expect"] == "duplicate":
            continue
        assert accepts(number, merged(found, variant)) == (variant["expect"] == "accept"), variant


def test_a_mailgun_token_is_one_mail_whatever_the_body_says() -> None:
    def mail(text: str) -> Message:
        fields = {"timestamp": "1", "token": "t", "signature": "s", "sender": "a@b", "body-plain": text}
        (found,) = adapter("mailgun").messages(signed_request({"scheme": "mailgun", "fields": fields}), signed=True)
        return found

    assert mail("one").dedupe_key == mail("other").dedupe_key


def person(address: str) -> dict[str, str]:
    name, bare = parseaddr(address)
    return {"name": name, "address": bare}


@pytest.mark.parametrize(("number", "found"), with_number(having="anymail_normalized"))
def test_payloads_become_what_is_expected(number: str, found: dict[str, Any]) -> None:
    if number in LEFT_OUT:
        pytest.skip(LEFT_OUT[number])
    expected = found["anymail_normalized"]
    messages = mails(number, found)
    wanted = expected if isinstance(expected, list) else [expected]
    assert len(messages) == len(wanted)
    for message, each in zip(messages, wanted, strict=True):
        assert differences(message, each) <= {what for which, what in DIFFERENCES if which == number}


def differences(message: Message, wanted: Mapping[str, Any]) -> set[str]:
    email = message.email
    files = [item for item in email["attachments"] if item["disposition"] != "inline"]
    inlines = [item for item in email["attachments"] if item["disposition"] == "inline"]
    envelope_to = wanted["envelope_recipient"]
    pairs = {
        "from": (person(email["from"]), wanted["from"]),
        "subject": (email["subject"], wanted["subject"]),
        "text": (email["text"], wanted["text"]),
        "html": (email["html"], wanted["html"]),
        "message_id": (email["message_id"], wanted["message_id"]),
        "envelope_from": (email["envelope"]["from"], wanted["envelope_sender"]),
        "envelope_to": (email["envelope"]["to"], [envelope_to] if envelope_to else []),
        "score": (email["spam"]["score"], wanted["spam_score"]),
        "spam": (email["spam"]["flagged"], wanted["spam_detected"]),
        "event_id": (email["id"], None if wanted["event_id"] is None else str(wanted["event_id"])),
        "inlines": ([each["content_id"] for each in inlines], [each["content_id"] for each in wanted["inlines"]]),
        "files": (
            [(each["filename"], each["content_type"], each["size"]) for each in files],
            [(each["filename"], each["content_type"], each["size"]) for each in wanted["attachments"]],
        ),
        **{name: ([person(each) for each in email[name]], wanted[name]) for name in ("to", "cc", "bcc")},
    }
    if wanted["date"]:
        pairs["date"] = (parsedate_to_datetime(email["date"]).isoformat(), wanted["date"])
    if wanted["timestamp"]:
        pairs["timestamp"] = (email["received_at"].rstrip("Z"), wanted["timestamp"].removesuffix("+00:00"))
    return {name for name, (ours, theirs) in pairs.items() if ours != theirs}


@pytest.mark.parametrize(("number", "found"), with_number(having="expected"))
def test_cloudmailin_s_own_sample(number: str, found: dict[str, Any]) -> None:
    (message,) = mails(number, found)
    email, wanted = message.email, found["expected"]
    for name in ("from", "to", "subject", "message_id", "text"):
        assert email[name] == wanted[name]
    assert wanted["envelope_to"] in email["envelope"]["to"]
    assert message.contents == [b"testfile"] * wanted["attachments"]


@pytest.mark.parametrize(("number", "found"), with_number(having="string_to_sign"))
def test_sns_rules(number: str, found: dict[str, Any]) -> None:
    assert ses.string_to_sign(found["message"]).decode() == found["string_to_sign"]
    for case in found["cert_url_cases"]:
        assert ses.is_certificate_url(case["url"]) == (case["expect"] == "accept"), case
