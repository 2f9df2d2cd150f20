"""SNS's signatures, by a certificate of our own: both versions, all types of message, and what must not pass."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from picloud.domain.errors import BadSignature, Unavailable
from picloud.inbound.adapters import ses
from picloud.inbound.request import Request
from picloud.services.apps.certificates import Certificates

ARN = "arn:aws:sns:eu-west-1:123456789012:mail"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=t&Token=abc"
COMMON = {
    "MessageId": "m-1",
    "TopicArn": ARN,
    "Message": "line one\nline \u20ac",
    "Timestamp": "2026-11-22T10:00:00.000Z",
}
MESSAGES: dict[str, dict[str, str]] = {
    "notification": COMMON | {"Type": "Notification"},
    "with a subject": COMMON | {"Type": "Notification", "Subject": "Amazon SES Email Receipt Notification"},
    "subscription": COMMON | {"Type": "SubscriptionConfirmation", "Token": "abc", "SubscribeURL": SUBSCRIBE},
    "unsubscription": COMMON | {"Type": "UnsubscribeConfirmation", "Token": "abc", "SubscribeURL": SUBSCRIBE},
}
# https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html, written out.
FIELDS = {
    "notification": ("Message", "MessageId", "Timestamp", "TopicArn", "Type"),
    "with a subject": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "subscription": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "unsubscription": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def pem() -> bytes:
    """Such as SNS shows, but signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private_key().public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return made.sign(private_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed(which: str, version: str = "2", message: Mapping[str, str] | None = None) -> dict[str, str]:
    document = dict(message or MESSAGES[which])
    canonical = "".join(f"{name}\n{document[name]}\n" for name in FIELDS[which])
    digest: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    signature = private_key().sign(canonical.encode(), padding.PKCS1v15(), digest)
    proof = {"SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}
    return document | proof | {"SigningCertURL": CERTIFICATE}


def is_genuine(document: Any, secrets: tuple[str, ...] = (ARN,)) -> bool:
    request = Request({}, json.dumps(document).encode(), certificate=lambda url: pem() if url == CERTIFICATE else b"")
    try:
        ses.verify(request, secrets, 0.0)
    except BadSignature:
        return False
    return True


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("which", MESSAGES)
def test_what_sns_signed_passes(which: str, version: str) -> None:
    document = signed(which, version)
    assert is_genuine(document)
    for name in FIELDS[which]:
        assert not is_genuine(document | {name: document[name] + "x"}), name


@pytest.mark.parametrize(
    "changed",
    [
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": None},
        {"Signature": ""},
        {"Signature": "AAAA"},
        {"Signature": "\u20ac"},
        {"SigningCertURL": CERTIFICATE.replace("https", "http")},
        {"SigningCertURL": CERTIFICATE.replace("amazonaws.com", "amazonaws.com.example.org")},
        {"SigningCertURL": CERTIFICATE.replace("0123", "none")},
        {"SigningCertURL": CERTIFICATE + "?x"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com@example.org/x.pem"},
        {"SigningCertURL": 7},
        {"Subject": "added"},
        {"TopicArn": ARN + "2"},
    ],
)
def test_what_it_did_not_sign_does_not(changed: dict[str, Any]) -> None:
    assert not is_genuine(signed("notification") | changed)


def test_another_topic_s_message_does_not_pass() -> None:
    other = MESSAGES["notification"] | {"TopicArn": ARN + "2"}
    assert not is_genuine(signed("notification", message=other))
    assert is_genuine(signed("notification", message=other), (ARN, ARN + "2"))


def test_a_certificate_is_fetched_once_and_what_is_missing_again() -> None:
    answers, asked = {"a": b"pem"}, []

    def fetched(url: str) -> bytes:
        asked.append(url)
        return answers.get(url, b"")

    certificates = Certificates(fetched)
    assert [certificates(url) for url in ("a", "a", "b", "b")] == [b"pem", b"pem", b"", b""]
    assert asked == ["a", "b", "b"]
    answers["b"] = b"late"
    assert certificates("b") == b"late"


def test_it_is_fetched_by_the_guarded_client() -> None:
    with pytest.raises(Unavailable):
        Certificates()("https://127.0.0.1/x.pem")
