"""The contract's status table of the email receiver, row by row, and the whole way to a handler's run."""

import json
import time
from typing import Any

import pytest
from webtest import TestApp

from picloud.inbound.signatures import sign_plain, sign_standard
from tests.functional.client import Client, check_problem, eventually, unique
from tests.pace import PATIENCE

HANDLER = """
def handler(ctx):
    mail = ctx.event.email
    print("got", mail.subject)
    return {"from": mail["from"], "subject": mail.subject, "text": mail.text, "received_at": mail.received_at}
"""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Inbox:
    """An app with an email trigger."""

    def __init__(self, owner: Client, *, secret: str | None = SECRET, source: str = HANDLER, **fields: Any) -> None:
        self.owner = owner
        self.slug = owner.new_app()
        owner.script(self.slug, "inbox", source)
        self.trigger = owner.email_trigger(self.slug, "inbox", inbound_secret=secret, **fields)
        self.path = f"/api/v1/email-inbound/{self.trigger['app_id']}/{self.trigger['id']}"

    def execution_of(self, delivery_id: str) -> Any:
        """The delivery's run, once there is one."""

        def find() -> Any:
            items = self.owner.get(f"/apps/{self.slug}/executions")["items"]
            return next((item for item in items if item["delivery_id"] == delivery_id), None)

        return self.owner.get(f"/apps/{self.slug}/executions/{eventually(find)['id']}")


@pytest.fixture(scope="module")
def inbox(owner: Client) -> Inbox:
    return Inbox(owner)


@pytest.fixture(scope="module")
def open_inbox(owner: Client) -> Inbox:
    return Inbox(owner, secret=None)


def mail(**more: Any) -> dict[str, Any]:
    return {"from": "ada@example.com", "to": ["in@box.example.org"], "subject": "Hi", "text": unique("text")} | more


def post(
    app: TestApp, path: str, body: bytes, headers: dict[str, str] | None = None, *, status: int, **given: str
) -> Any:
    sent = {"Content-Type": "application/json"} | (headers or {}) | given
    response = app.post(path, body, headers=sent, status="*", expect_errors=True)
    assert response.status_int == status, (response.status, response.text[:1000])
    if status >= 400:
        check_problem(response)
    return response


def standard(body: bytes, *, at_s: float | None = None, webhook_id: str = "") -> dict[str, str]:
    moment = int(time.time() if at_s is None else at_s)
    return sign_standard(SECRET, body, webhook_id=webhook_id or unique("msg"), timestamp_s=moment)


@pytest.mark.parametrize("form", ["standard", "plain"])
def test_a_signed_mail_runs_the_handler(app: TestApp, inbox: Inbox, form: str) -> None:
    body = json.dumps(mail(subject="Hello", received_at="2026-11-22T11:00:00+01:00")).encode()
    signed = standard(body) if form == "standard" else sign_plain(SECRET, body)
    answer = post(app, inbox.path, body, signed, status=202).json
    assert answer["status"] == "queued"
    assert answer["duplicate"] is False
    execution = inbox.execution_of(answer["delivery_id"])
    assert execution["status"] == "ok"
    assert execution["kind"] == "email"
    assert execution["version"] == 1
    assert execution["attempt"] == 1
    assert execution["result"]["subject"] == "Hello"
    assert execution["result"]["received_at"] == "2026-11-22T10:00:00Z"
    assert execution["event"]["email"]["from"] == "ada@example.com"
    assert execution["logs"][0]["message"] == "got Hello"
    assert execution["wall_ms"] > 0
    assert execution["cpu_ms"] > 0
    assert execution["limits"]["cpu_ms"] == 500 * PATIENCE
    delivery = inbox.owner.get(f"/apps/{inbox.slug}/deliveries/{answer['delivery_id']}")
    assert delivery["state"] == "delivered"
    assert [attempt["execution_id"] for attempt in delivery["attempts"]] == [execution["id"]]


def test_a_provider_s_retry_of_a_delivered_mail_gets_the_first_id(app: TestApp, inbox: Inbox) -> None:
    body = json.dumps(mail()).encode()
    first = post(app, inbox.path, body, standard(body, webhook_id="retry-1"), status=202).json
    inbox.execution_of(first["delivery_id"])
    again = post(app, inbox.path, body, standard(body, webhook_id="retry-1"), status=202).json
    assert again == {"delivery_id": first["delivery_id"], "status": "queued", "duplicate": True}
    runs = inbox.owner.get(f"/apps/{inbox.slug}/executions")["items"]
    assert sum(run["delivery_id"] == first["delivery_id"] for run in runs) == 1


def test_same_body_id_and_same_content_are_duplicates(app: TestApp, inbox: Inbox) -> None:
    for first, second in (
        (mail(id="body-1"), mail(id="body-1")),
        (mail(text="same", received_at="2026-11-22T10:00:00Z"), mail(text="same")),
    ):
        bodies = [json.dumps(item).encode() for item in (first, second)]
        answers = [post(app, inbox.path, body, sign_plain(SECRET, body), status=202).json for body in bodies]
        assert answers[0]["delivery_id"] == answers[1]["delivery_id"]
        assert [answer["duplicate"] for answer in answers] == [False, True]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-PiCloud-Signature": "sha256=" + "0" * 64},
        {"X-PiCloud-Signature": "sha256=é"},
        {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"},
        {"webhook-id": "a", "webhook-timestamp": "soon", "webhook-signature": ","},
    ],
)
def test_a_bad_signature_is_401_even_for_a_bad_body(app: TestApp, inbox: Inbox, headers: dict[str, str]) -> None:
    for body in (json.dumps(mail()).encode(), b"\xff not json"):
        answer = post(app, inbox.path, body, headers, status=401).json
        assert answer["code"] == "bad_signature"
        assert answer["detail"] == "The signature is missing, wrong or too old"


def test_stale_and_tampered_are_401(app: TestApp, inbox: Inbox) -> None:
    body = json.dumps(mail()).encode()
    post(app, inbox.path, body, standard(body, at_s=time.time() - 330), status=401)
    post(app, inbox.path, body, standard(body, at_s=time.time() + 330), status=401)
    post(app, inbox.path, body + b" ", standard(body), status=401)
    post(app, inbox.path, body, sign_plain("another", body), status=401)


def test_the_standard_form_decides_alone_when_it_is_there(app: TestApp, inbox: Inbox) -> None:
    body = json.dumps(mail()).encode()
    headers = sign_plain(SECRET, body) | standard(body, at_s=1)
    post(app, inbox.path, body, headers, status=401)


def test_unknown_foreign_disabled_and_other_paths_are_one_404(app: TestApp, owner: Client, inbox: Inbox) -> None:
    other = Inbox(owner)
    owner.patch(f"/apps/{other.slug}/triggers/{other.trigger['id']}", {"enabled": False})
    body = json.dumps(mail()).encode()
    signed = standard(body)
    app_id, trigger_id = inbox.trigger["app_id"], inbox.trigger["id"]
    paths = [
        f"/api/v1/email-inbound/{app_id}/{other.trigger['id']}",
        f"/api/v1/email-inbound/{other.trigger['app_id']}/{trigger_id}",
        f"/api/v1/email-inbound/{app_id}/{app_id}",
        f"/api/v1/email-inbound/{app_id}/nonsense",
        f"/api/v1/email-inbound/{inbox.slug}/{trigger_id}",
        other.path,
    ]
    answers = [post(app, path, body, signed, status=404).json for path in paths]
    assert {(answer["code"], answer["detail"]) for answer in answers} == {("not_found", "No mail is taken here.")}


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b'{"from": "a@b", "to": ["c@d"], "x": NaN}',
        b'{"from": "a@b", "from": "a@b", "to": ["c@d"]}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"from": "a@b", "to": ["c@d"], "x": ' + b"9" * 5000 + b"}",
        b"",
        b"[]",
        b'{"from": "a@b"}',
        b'{"from": "a@b", "to": []}',
        b'{"from": "a@b\\r\\nBcc: x@y", "to": ["c@d"]}',
        b'{"from": "a@b", "to": ["c\\u0000@d"]}',
        b'{"from": "a@b", "to": ["c@d"], "message_id": "<a\\nb>"}',
    ],
)
def test_a_bad_body_is_422(app: TestApp, inbox: Inbox, open_inbox: Inbox, body: bytes) -> None:
    post(app, inbox.path, body, sign_plain(SECRET, body), status=422)
    post(app, open_inbox.path, body, status=422)


def test_what_postgres_refuses_is_cleaned_and_kept(app: TestApp, inbox: Inbox) -> None:
    body = json.dumps(mail(subject="a\r\nb", text="nul \x00 lone \ud800 end" + unique(""))).encode()
    answer = post(app, inbox.path, body, standard(body), status=202).json
    result = inbox.execution_of(answer["delivery_id"])["result"]
    assert result["subject"] == "a b"
    assert result["text"].startswith("nul \ufffd lone \ufffd end")


def test_size_comes_first_then_encoding_then_media_type(app: TestApp, inbox: Inbox) -> None:
    nowhere = "/api/v1/email-inbound/nowhere/nothing"
    post(app, nowhere, b"x" * (10 * 1024 * 1024 + 1), {"Content-Encoding": "gzip"}, status=413)
    post(app, nowhere, b"x", {"Content-Encoding": "gzip"}, status=415)
    post(app, nowhere, b"x", {"Content-Type": "text/plain"}, status=415)
    post(app, nowhere, b"x", status=404)


def test_an_unsigned_trigger_takes_less(app: TestApp, inbox: Inbox, open_inbox: Inbox) -> None:
    large = json.dumps(mail(text="x" * 256 * 1024)).encode()
    post(app, open_inbox.path, large, status=413)
    post(app, inbox.path, large, standard(large), status=202)
    post(app, open_inbox.path, json.dumps(mail()).encode(), status=202)


def test_ack_status_200(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, ack_status=200)
    body = json.dumps(mail()).encode()
    assert post(app, inbox.path, body, standard(body), status=200).json["status"] == "queued"


def test_sync_waits_for_the_first_attempt(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner, dispatch_mode="sync")
    body = json.dumps(mail()).encode()
    answer = post(app, inbox.path, body, standard(body), status=200).json
    assert answer["status"] == "delivered"
    failing = Inbox(owner, dispatch_mode="sync", source="def handler(ctx):\n    raise ValueError('no')\n")
    assert post(app, failing.path, body, standard(body), status=202).json["status"] == "queued"


def test_old_secrets_stay_valid_until_their_end(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner)
    rotate = f"/apps/{inbox.slug}/triggers/email/{inbox.trigger['id']}/rotate-secret"
    fresh = owner.post(rotate, {"overlap_s": 60}, status=200)["inbound_secret"]
    bodies = [json.dumps(mail()).encode() for _ in range(4)]
    post(app, inbox.path, bodies[0], standard(bodies[0]), status=202)
    post(app, inbox.path, bodies[1], sign_plain(fresh, bodies[1]), status=202)
    newest = owner.post(rotate, {"overlap_s": 0}, status=200)["inbound_secret"]
    post(app, inbox.path, bodies[2], sign_plain(fresh, bodies[2]), status=401)
    post(app, inbox.path, bodies[3], sign_plain(newest, bodies[3]), status=202)


def test_a_get_is_405(app: TestApp, inbox: Inbox) -> None:
    response = app.get(inbox.path, status=405)
    check_problem(response)
    assert response.headers["Allow"] == "HEAD, POST"
