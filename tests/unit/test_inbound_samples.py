"""A sample for every provider: made as its provider would send it, proven where we can, and read back as it was given."""

import base64
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from picloud.domain.errors import BadSignature
from picloud.inbound.adapters import PROVIDERS, adapter
from picloud.inbound.message import Message, read
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

KEY = "key-0123456789abcdef"
URL = "https://box.example.org/api/v1/email-inbound/a/b?x=1"
NOW_S = int(time.time())
ARN = "arn:aws:sns:eu-west-1:123456789012:mail"


def spki(key: Any) -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return str(key.public_key().public_bytes(*form).decode())


SECRETS = {
    "sendgrid": spki(ec.generate_private_key(ec.SECP256R1())),
    "postal": spki(rsa.generate_private_key(65537, 2048)),
    "ses": "user:password",
    **dict.fromkeys(("postmark", "cloudmailin", "brevo", "mailjet"), "user:password"),
}
EMAIL = read(
    {
        "from": "Ada Łovelace <ada@example.com>",
        "to": ["in@box.example.org", '"Box, the other" <other@box.example.org>'],
        "cc": ["Kim <kim@example.com>"],
        "subject": "Grüße, 你好",
        "text": "Hello\nÄ\n--=_mixed\n",
        "html": "<p>Hello</p>",
        "message_id": "<1@example.com>",
        "headers": [["X-Mine", "yes"]],
        "attachments": [
            {"filename": 'a "b".txt', "content_type": "text/plain", "content": base64.b64encode(b"one").decode()},
            {
                "filename": "ü.png",
                "content_type": "image/png",
                "content_id": "<logo>",
                "disposition": "inline",
                "content": base64.b64encode(b"\x89two").decode(),
            },
        ],
    }
)
NAMED_ALONE = {"brevo"}
"""Brevo sends attachments as addresses to fetch them from."""
ONE_RECIPIENT = {"improvmx", "mailjet", "mandrill", "postal"}


def sample(provider: str, secret: str | None, **email: Any) -> Request:
    given = Sample(EMAIL | email, f"{abs(hash(provider)):032x}", URL, NOW_S, secret)
    return adapter(provider).sample(given)


def secret_of(provider: str) -> str:
    return adapter(provider).read_secret(SECRETS.get(provider, KEY))


def message(provider: str, **email: Any) -> Message:
    [found] = adapter(provider).messages(sample(provider, None, **email), signed=False)
    return found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_is_proven_as_the_provider_proves_its_mail(provider: str) -> None:
    used, secret = adapter(provider), secret_of(provider)
    made = sample(provider, secret)
    assert made.content_type.partition(";")[0] in used.media_types
    if used.cannot_sign(secret):
        assert provider in ("sendgrid", "postal")
    else:
        used.verify(made, [secret], float(NOW_S))
    for other in ([], [secret_of(provider)[:-1] + "z"]):
        with pytest.raises(BadSignature):
            used.verify(made, other, float(NOW_S))


def test_a_topic_s_signature_is_not_ours_to_make() -> None:
    assert adapter("ses").cannot_sign(ARN)
    assert "authorization" not in sample("ses", ARN).headers


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_is_read_as_it_was_given(provider: str) -> None:
    found = message(provider)
    email = found.email
    for name in ("from", "to", "cc", "subject", "message_id"):
        assert email[name] == EMAIL[name], name
    assert email["text"].replace("\r\n", "\n") == EMAIL["text"]
    assert email["html"] == EMAIL["html"]
    if provider not in NAMED_ALONE:
        assert found.contents == [b"one", b"\x89two"]
    assert [item["filename"] for item in email["attachments"]] == ['a "b".txt', "ü.png"]
    if provider != "normalized":
        wanted = ["in@box.example.org", "other@box.example.org"]
        assert email["envelope"]["to"] == (wanted[:1] if provider in ONE_RECIPIENT else wanted)
        assert email["envelope"]["from"] == "ada@example.com"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_least_mail_does(provider: str) -> None:
    least = read({"from": "a@example.com", "to": ["b@example.com"]})
    email = message(provider, **least).email
    assert (email["from"], email["to"], email["attachments"]) == ("a@example.com", ["b@example.com"], [])
