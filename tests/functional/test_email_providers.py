"""Providers from outside: their bodies, their secrets, and answers that they read as done, again or never."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from webtest import TestApp

from picloud.app import make_app
from picloud.inbound.signatures import sign_plain, sign_standard
from picloud.process import Process
from picloud.services.apps.certificates import Certificates
from picloud.services.email.large_bodies import LARGE_BYTES
from tests.functional.client import Client, unique
from tests.functional.test_email_inbound import SECRET, Inbox, post
from tests.unit import test_inbound_sns as sns

RAW = "From: Ada <ada@example.com>\r\nTo: in@box.example.org\r\nSubject: Hello\r\nMessage-ID: <{}@example.com>\r\n\r\nHi\r\n"
BASIC = "mailer:correct-horse"
KEY = "key-0123456789abcdef"


def raw_mail() -> str:
    return RAW.format(unique("mail"))


def form(fields: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    parts = (
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    return ("".join(parts) + "--x--\r\n").encode(), {"Content-Type": "multipart/form-data; boundary=x"}


def basic(credentials: str = BASIC) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def mailgun(key: str = KEY, *, at_s: float | None = None, token: str = "") -> tuple[bytes, dict[str, str]]:
    timestamp, token = str(int(time.time() if at_s is None else at_s)), token or unique("token")
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    return form(signed | {"sender": "ada@example.com", "recipient": "in@box.example.org", "body-mime": raw_mail()})


def as_json(document: Any, **headers: str) -> tuple[bytes, dict[str, str]]:
    return json.dumps(document).encode(), headers


JSON_WITH_BASIC: dict[str, Any] = {
    "postmark": lambda: {
        "FromFull": {"Email": "ada@example.com"},
        "ToFull": [{"Email": "in@box.example.org"}],
        "Subject": "Hello",
    },
    "cloudmailin": lambda: {"headers": {"from": "ada@example.com", "to": "in@box.example.org", "subject": "Hello"}},
    "brevo": lambda: {"items": [{"From": {"Address": "ada@example.com"}, "Subject": "Hello", "Uuid": [unique("id")]}]},
    "mailjet": lambda: {
        "From": "ada@example.com",
        "Recipient": "in@box.example.org",
        "Subject": "Hello",
        "Text-part": unique("x"),
    },
    "sparkpost": lambda: [{"msys": {"relay_message": {"content": {"email_rfc822": raw_mail()}}}}],
    "ses": lambda: {"notificationType": "Received", "mail": {"messageId": unique("id")}, "content": raw_mail()},
    "improvmx": lambda: {"from": {"email": "ada@example.com"}, "subject": "Hello", "text": unique("x")},
}


@pytest.mark.parametrize("provider", JSON_WITH_BASIC)
def test_basic_authentication_guards_who_signs_nothing(app: TestApp, owner: Client, provider: str) -> None:
    inbox = Inbox(owner, provider=provider, secret=BASIC)
    body = json.dumps(JSON_WITH_BASIC[provider]()).encode()
    for wrong in ({}, basic("mailer:wrong-horse"), {"Authorization": "Basic ???"}, {"Authorization": "Bearer é"}):
        assert post(app, inbox.path, body, wrong, status=401).json["code"] == "bad_signature"
    answer = post(app, inbox.path, body, basic(), status=200).json
    assert answer["status"] == "queued"
    execution = inbox.execution_of(answer["delivery_id"])
    assert execution["status"] == "ok", execution
    assert "ada@example.com" in execution["result"]["from"]


def test_a_token_comes_by_header_or_in_the_address(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, provider="sparkpost", secret=KEY)
    batch = json.dumps([{"msys": {}}]).encode()
    for headers in ({"X-MessageSystems-Webhook-Token": KEY}, {"Authorization": f"Bearer {KEY}"}):
        assert post(app, inbox.path, batch, headers, status=200).json["status"] == "nothing"
    post(app, inbox.path + f"?token={KEY}", batch, status=200)
    post(app, inbox.path + "?token=other", batch, status=401)


def test_a_batch_is_one_delivery_for_each_mail(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, provider="sparkpost", secret=None)
    relayed = [{"msys": {"relay_message": {"content": {"email_rfc822": raw_mail()}}}} for _ in range(3)]
    answer = post(app, inbox.path, json.dumps(relayed).encode(), status=200).json
    ids = {each["delivery_id"] for each in answer["deliveries"]}
    assert len(ids) == 3
    again = post(app, inbox.path, json.dumps(relayed).encode(), status=200).json
    assert [each["duplicate"] for each in again["deliveries"]] == [True] * 3
    assert {each["delivery_id"] for each in again["deliveries"]} == ids


def test_mailgun(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, provider="mailgun", secret=KEY)
    body, headers = mailgun(token="once")
    answer = post(app, inbox.path, body, headers, status=200).json
    assert inbox.execution_of(answer["delivery_id"])["result"]["from"] == "Ada <ada@example.com>"
    replayed, headers = mailgun(token="once", at_s=time.time() - 60)
    assert post(app, inbox.path, replayed, headers, status=200).json["delivery_id"] == answer["delivery_id"]
    for late_s, status in ((8 * 3600, 200), (10 * 3600, 401), (-3600, 401)):
        body, headers = mailgun(at_s=time.time() - late_s)
        post(app, inbox.path, body, headers, status=status)
    body, headers = mailgun("another-key-of-ours")
    post(app, inbox.path, body, headers, status=401)
    post(app, inbox.path, b"no form", headers, status=401)
    unsigned = Inbox(owner, provider="mailgun", secret=None)
    assert post(app, unsigned.path, b"no form", headers, status=406).json["code"] == "not_acceptable"


def test_sendgrid_and_postal_sign_with_keys_of_their_own(app: TestApp, owner: Client) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    inbox = Inbox(owner, provider="sendgrid", secret=spki(private.public_key()))
    body, headers = form({"email": raw_mail(), "envelope": '{"from": "ada@example.com", "to": ["in@box.example.org"]}'})
    signature = base64.b64encode(private.sign(b"1600112502" + body, ec.ECDSA(hashes.SHA256()))).decode()
    prefix = "X-Twilio-Email-Event-Webhook-"
    signed = headers | {prefix + "Signature": signature, prefix + "Timestamp": "1600112502"}
    post(app, inbox.path, body + b" ", signed, status=401)
    post(app, inbox.path, body, headers, status=401)
    assert post(app, inbox.path, body, signed, status=200).json["duplicate"] is False

    signer = rsa.generate_private_key(65537, 2048)
    postal = Inbox(owner, provider="postal", secret=spki(signer.public_key()))
    body, headers = as_json({"id": 1, "rcpt_to": "in@box.example.org", "message": raw_mail(), "base64": False})
    good = base64.b64encode(signer.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()
    old = base64.b64encode(signer.sign(body, padding.PKCS1v15(), hashes.SHA1())).decode()
    post(app, postal.path, body, {"X-Postal-Signature-256": old, "X-Postal-Signature": old}, status=401)
    post(app, postal.path, body, {"X-Postal-Signature-256": good}, status=200)
    assert post(app, postal.path, body, {"X-Postal-Signature": old}, status=200).json["duplicate"] is True


def spki(key: Any) -> str:
    return str(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode())


def test_mailersend_forward_email_and_mandrill(app: TestApp, owner: Client) -> None:
    for provider, header, document in (
        ("mailersend", "Signature", {"data": {"id": "1", "raw": raw_mail()}}),
        ("forward_email", "X-Webhook-Signature", {"raw": raw_mail(), "recipients": ["in@box.example.org"]}),
    ):
        inbox = Inbox(owner, provider=provider, secret=KEY)
        body = json.dumps(document).encode()
        signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
        post(app, inbox.path, body, {header: signature[::-1]}, status=401)
        post(app, inbox.path, body, {header: signature}, status=200)
    inbox = Inbox(owner, provider="mandrill", secret=KEY)
    events = json.dumps([{"event": "inbound", "msg": {"raw_msg": raw_mail(), "email": "in@box.example.org"}}])
    body, headers = form({"mandrill_events": events})
    signed = inbox.trigger["inbound_url"] + "mandrill_events" + events
    signature = base64.b64encode(hmac.new(KEY.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    post(app, inbox.path, body, headers | {"X-Mandrill-Signature": signature[::-1]}, status=401)
    assert post(app, inbox.path, body, headers | {"X-Mandrill-Signature": signature}, status=200).json["delivery_id"]


def test_forward_email_s_buffers_may_be_large(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, provider="forward_email", secret=KEY)
    content = {"type": "Buffer", "data": list(b"x" * 300_000)}
    people = {"from": {"value": [{"address": "ada@example.com", "name": "Ada"}]}}
    body = json.dumps(people | {"attachments": [{"filename": "a", "content": content}]}).encode()
    signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    answer = post(app, inbox.path, body, {"X-Webhook-Signature": signature}, status=200).json
    assert inbox.execution_of(answer["delivery_id"])["event"]["email"]["attachments"][0]["size"] == 300_000


def test_raw_mail_has_its_envelope_before_its_header(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, provider="mime", ack_status=202)
    envelope = "X-Envelope-From: <bounce@example.com>\r\nX-Envelope-To: <in@box.example.org>\r\n"
    body = (envelope + raw_mail().replace("\r\n\r\n", "\r\nX-Envelope-To: <forged@example.com>\r\n\r\n")).encode()
    signed = sign_standard(SECRET, body, webhook_id=unique("mail"), timestamp_s=int(time.time()))
    headers = signed | {"Content-Type": "message/rfc822"}
    answer = post(app, inbox.path, body, headers, status=202).json
    event = inbox.execution_of(answer["delivery_id"])["event"]["email"]
    assert event["envelope"] == {"from": "bounce@example.com", "to": ["in@box.example.org"], "remote_ip": None}
    assert post(app, inbox.path, body, headers, status=202).json["duplicate"] is True
    post(app, inbox.path, body, signed, status=415)


def test_a_subscription_waits_for_the_operator(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, provider="ses", secret=BASIC)
    url = (
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:1:t&Token=2336"
    )
    for subscribe_url in (url, url.replace("amazonaws.com", "amazonaws.com.example.org")):
        document = {"Type": "SubscriptionConfirmation", "TopicArn": "t", "SubscribeURL": subscribe_url}
        headers = basic() | {"Content-Type": "text/plain; charset=UTF-8"}
        post(app, inbox.path, json.dumps(document).encode(), headers, status=200)
    shown = owner.get(f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/requests")["items"]
    assert shown[1]["detail"].endswith(url)
    assert shown[0]["detail"] == "There was no mail in it."


def test_an_sns_topic_is_asked_for_its_own_signature(app: TestApp, owner: Client) -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:mail"
    inbox = Inbox(owner, provider="ses", secret=arn)
    message = {"Type": "Notification", "TopicArn": arn, "Message": "{}", "MessageId": "1", "Timestamp": "t"}
    certificate = "https://sns.eu-west-1.amazonaws.com.example.org/x.pem"
    signed = message | {"Signature": "AAAA", "SignatureVersion": "2", "SigningCertURL": certificate}
    for document in (message, signed, signed | {"TopicArn": arn + "2"}):
        post(app, inbox.path, json.dumps(document).encode(), status=401)


def test_a_mail_that_sns_signed_is_taken(owner: Client, process: Process) -> None:
    arn, asked = sns.ARN, []

    def certificate(url: str) -> bytes:
        asked.append(url)
        return sns.pem()

    app = TestApp(make_app(replace(process.runtime, certificates=Certificates(certificate))))
    inbox = Inbox(owner, provider="ses", secret=arn)
    received = {"notificationType": "Received", "mail": {"messageId": unique("id")}, "content": raw_mail()}
    for version in ("1", "2"):
        message = sns.MESSAGES["notification"] | {"Message": json.dumps(received)}
        body = json.dumps(sns.signed("notification", version, message)).encode()
        answer = post(app, inbox.path, body, {"Content-Type": "text/plain; charset=UTF-8"}, status=200).json
        assert answer["duplicate"] is (version == "2")
        post(app, inbox.path, body.replace(b"Hello", b"Hallo"), status=401)
    assert inbox.execution_of(answer["delivery_id"])["result"]["subject"] == "Hello"
    post(app, inbox.path, json.dumps(sns.signed("subscription")).encode(), status=200)
    shown = owner.get(f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/requests")["items"]
    assert shown[0]["detail"].endswith(sns.SUBSCRIBE)
    assert asked == [sns.CERTIFICATE]


def test_a_provider_s_own_media_type_alone(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner)
    body, headers = form({"a": "b"})
    post(app, inbox.path, body, headers | sign_plain(SECRET, body), status=415)
    post(app, Inbox(owner, provider="postmark", secret=BASIC).path, b"x", {"Content-Type": "text/plain"}, status=415)


def test_a_third_large_mail_at_once_comes_again(app: TestApp, owner: Client, process: Process) -> None:
    inbox = Inbox(owner, provider="mime")
    body = raw_mail().encode() + b"x" * 2 * LARGE_BYTES
    signed = sign_plain(SECRET, body) | {"Content-Type": "message/rfc822"}
    with process.runtime.large_bodies.admitted(len(body)), process.runtime.large_bodies.admitted(len(body)):
        busy = post(app, inbox.path, body, signed, status=503)
        assert busy.json["code"] == "busy"
        assert int(busy.headers["Retry-After"]) > 0
    post(app, inbox.path, body, signed, status=202)
