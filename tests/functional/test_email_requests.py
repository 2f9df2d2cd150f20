"""What an operator sees of an email trigger: its last requests, counters, conditions; and its attachments."""

import json
import socket
from contextlib import ExitStack
from typing import Any

from webtest import TestApp

from picloud.cli.listening import listen
from picloud.cli.web import start_web
from picloud.inbound.signatures import sign_plain
from picloud.process import Process
from picloud.services.email.inbound_requests import SHOWN
from picloud.settings import Settings
from tests.functional.client import Client
from tests.functional.test_email_inbound import SECRET, Inbox, mail, post
from tests.pace import PATIENCE


def requests_of(inbox: Inbox) -> Any:
    return inbox.owner.get(f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/requests")


def signed(app: TestApp, inbox: Inbox, body: bytes, *, status: int) -> Any:
    return post(app, inbox.path, body, sign_plain(SECRET, body), status=status).json


def test_the_last_requests_are_shown_refused_ones_too(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner)
    body = json.dumps(mail()).encode()
    accepted = signed(app, inbox, body, status=202)
    signed(app, inbox, body, status=202)
    post(app, inbox.path, body, status=401)
    signed(app, inbox, b'{"from": "a@b"}', status=422)
    shown = requests_of(inbox)
    assert [(item["status"], item["outcome"]) for item in shown["items"]] == [
        (422, "invalid"),
        (401, "bad_signature"),
        (202, "duplicate"),
        (202, "accepted"),
    ]
    assert shown["items"][0]["detail"] == "/to is missing"
    assert shown["items"][3]["delivery_id"] == accepted["delivery_id"]
    assert shown["items"][3]["body_bytes"] == len(body)
    assert {name: each["requests"] for name, each in shown["counters"].items()} == {
        "accepted": 1,
        "bad_signature": 1,
        "duplicate": 1,
        "invalid": 1,
    }
    assert shown["counters"]["bad_signature"]["last_at"] == shown["items"][1]["at"]


def test_a_stranger_can_t_make_the_list_grow(app: TestApp, owner: Client) -> None:
    inbox = Inbox(owner)
    for _ in range(SHOWN + 5):
        post(app, inbox.path, b"{}", status=401)
    requests_of(inbox)
    for _ in range(5):
        post(app, inbox.path, b"{}", status=401)
    shown = requests_of(inbox)
    assert len(shown["items"]) == SHOWN
    assert shown["counters"]["bad_signature"]["requests"] == SHOWN + 10


def test_only_who_manages_triggers_sees_them(app: TestApp, owner: Client, anonymous: Client) -> None:
    inbox = Inbox(owner)
    path = f"/triggers/{inbox.trigger['id']}/requests"
    anonymous.get(f"/apps/{inbox.slug}{path}", status=401)
    owner.get(f"/apps/{owner.new_app()}{path}", status=404)


def test_no_mail_for_long_is_a_condition(owner: Client) -> None:
    inbox = Inbox(owner, quiet_after_s=3600)
    assert requests_of(inbox)["conditions"] == []
    path = f"/apps/{inbox.slug}/triggers"
    assert owner.patch(f"{path}/{inbox.trigger['id']}", {"quiet_after_s": None})["quiet_after_s"] is None
    for wrong in (59, 1e9):
        owner.patch(f"{path}/{inbox.trigger['id']}", {"quiet_after_s": wrong}, status=422)


def test_attachments_are_kept_named_or_dropped(app: TestApp, owner: Client) -> None:
    attached = [{"filename": "a.txt", "content_type": "text/plain", "content": "SGk="}]
    seen = {}
    for policy in ("store", "meta", "drop"):
        inbox = Inbox(owner, attachments=policy)
        body = json.dumps(mail(attachments=attached)).encode()
        answer = signed(app, inbox, body, status=202)
        event = inbox.execution_of(answer["delivery_id"])["event"]["email"]
        assert signed(app, inbox, body, status=202)["duplicate"] is True
        seen[policy] = event["attachments"]
    assert seen["drop"] == []
    assert "id" not in seen["meta"][0]
    assert {key: seen["store"][0][key] for key in ("filename", "content_type", "size")} == {
        "filename": "a.txt",
        "content_type": "text/plain",
        "size": 2,
    }
    assert seen["store"][0]["id"]


def test_a_provider_s_secret_is_checked_and_belongs_to_it(owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "inbox", "def handler(ctx):\n    pass\n")
    path = f"/apps/{slug}/triggers/email"
    for provider, secret in (
        ("sendgrid", "no key"),
        ("sendgrid", "generate"),
        ("ses", "arn:aws:sns:x"),
        ("postmark", "short"),
        ("nobody", None),
    ):
        owner.post(path, {"script": "inbox", "provider": provider, "inbound_secret": secret}, status=422)
    made = owner.email_trigger(slug, "inbox", provider="postmark", inbound_secret="generate")
    assert made["inbound_secret"].startswith("picloud:")
    assert "Postmark" not in made["setup"]
    trigger = f"/apps/{slug}/triggers/{made['id']}"
    owner.patch(trigger, {"provider": "mailgun"}, status=422)
    changed = owner.patch(trigger, {"provider": "mailgun", "inbound_secret": "key-0123456789"})
    assert (changed["provider"], changed["has_inbound_secret"]) == ("mailgun", True)


def test_a_sample_is_signed_and_comes_in_by_the_door(owner: Client) -> None:
    attached = [{"filename": "a.txt", "content_type": "text/plain", "content": "SGk="}]
    inbox = Inbox(owner, enabled=False)
    test = f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/test"
    given = {"event": {"email": {"subject": "Mine", "attachments": attached}}}
    sent = owner.post(test, given, status=202)
    assert (sent["signature"], sent["detail"], sent["duplicate"]) == ("verified", None, False)
    event = inbox.execution_of(sent["delivery_id"])["event"]["email"]
    assert event["subject"] == "Mine"
    assert event["truncated"] is False
    assert event["attachments"][0]["id"]
    owner.post(f"/apps/{inbox.slug}/triggers/email/{inbox.trigger['id']}/rotate-secret", {"overlap_s": 0}, status=200)
    again = owner.post(test, status=202)["delivery_id"]
    assert inbox.execution_of(again)["status"] == "ok"


def test_what_is_refused_before_it_is_looked_at_is_shown_too(app: TestApp, owner: Client, settings: Settings) -> None:
    inbox = Inbox(owner)
    too_large = settings.http_max_body_bytes + 1
    post(app, inbox.path, b"x" * too_large, status=413)
    post(app, inbox.path, b"{}", {"Content-Encoding": "gzip"}, status=415)
    post(app, inbox.path, b"{}", {"Content-Type": "message/rfc822"}, status=415)
    other = owner.new_app()
    elsewhere = inbox.path.replace(inbox.trigger["app_id"], owner.get(f"/apps/{other}")["id"])
    post(app, elsewhere, b"x" * too_large, status=413)
    shown = requests_of(inbox)
    assert [(item["status"], item["outcome"], item["body_bytes"]) for item in shown["items"]] == [
        (415, "unsupported_media_type", 2),
        (415, "unsupported_media_type", 2),
        (413, "too_large", too_large),
    ]
    assert shown["items"][2]["detail"] == f"A mail may have {settings.http_max_body_bytes} bytes here."
    assert shown["counters"]["too_large"] == {"requests": 1, "last_at": shown["items"][2]["at"]}


def test_what_the_web_server_itself_refuses_is_shown_too(
    app: TestApp, owner: Client, process: Process, settings: Settings
) -> None:
    """A sender that asks first keeps its mail: no view sees that request."""
    inbox = Inbox(owner)
    with ExitStack() as stack:
        listening = listen("127.0.0.1:0")
        start_web(process.runtime, listening, stack)
        with socket.create_connection(listening.getsockname()[:2], timeout=20 * PATIENCE) as connection:
            size = settings.http_max_body_bytes + 1
            head = f"POST {inbox.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nExpect: 100-continue\r\n\r\n"
            connection.sendall(head.encode())
            assert b" 413 " in connection.makefile("rb").readline()
    [shown] = requests_of(inbox)["items"]
    assert (shown["status"], shown["outcome"], shown["body_bytes"]) == (413, "too_large", size)


def test_a_provider_may_ask_whether_mail_is_taken(app: TestApp, owner: Client) -> None:
    """Mandrill does so before it has a key."""
    inbox = Inbox(owner, provider="mandrill", secret="key-0123456789")
    assert app.head(inbox.path, status=200).body == b""
    assert app.get(inbox.path, status=405).headers["Allow"] == "HEAD, POST"
    owner.patch(f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}", {"enabled": False})
    app.head(inbox.path, status=404)
    app.head(inbox.path[:-4] + "0000", status=404)
