"""Triggers, deliveries, executions and dead letters in the dashboard."""

from typing import Any

import pytest
from webtest import TestApp, TestResponse

from tests.functional.browsing import browser, email, form_to, said, signed_in
from tests.functional.client import Client, eventually

__all__ = ["browser", "email", "signed_in"]

WORKS = "def handler(ctx):\n    ctx.log.info('it came')\n    return {'ok': True}\n"
FAILS = "def handler(ctx):\n    ctx.log.info('on the way')\n    raise ValueError('no good')\n"


def new_trigger(signed_in: TestApp, slug: str, kind: str, **fields: str) -> str:
    """The address of its page."""
    form = form_to(signed_in.get(f"/apps/{slug}/new-trigger/{kind}"), f"/new-trigger/{kind}")
    for name, value in fields.items():
        form[name] = value
    made = form.submit(status="*")
    assert made.status_int in (200, 303), said(made)
    [trigger] = owner_triggers(signed_in, slug)
    return f"/apps/{slug}/triggers/{trigger}"


def owner_triggers(signed_in: TestApp, slug: str) -> list[str]:
    return [item["id"] for item in signed_in.get(f"/api/v1/admin/apps/{slug}/triggers").json["items"]]


@pytest.mark.parametrize(
    ("kind", "fields", "shown"),
    [
        ("kv", {"collection_glob": "orders-*"}, "orders-*/*"),
        ("cron", {"schedule": "0 7 * * 1-5", "timezone": "Europe/Berlin"}, "Next times"),
        ("queue", {"queue": "work"}, "work"),
        ("dead_letter", {"source_kind": "email"}, "email"),
        ("email", {"secret_from": "none"}, "/api/v1/email-inbound/"),
    ],
)
def test_a_trigger_of_each_kind_is_made_shown_switched_and_deleted(
    signed_in: TestApp, owner: Client, kind: str, fields: dict[str, str], shown: str
) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", WORKS)
    path = new_trigger(signed_in, slug, kind, **fields)
    assert shown in signed_in.get(path).html.main.text
    switch = form_to(signed_in.get(f"/apps/{slug}/triggers"), "/switch")
    switch.submit("on" if "on" in switch.fields else None, status=303)
    assert "disabled" in signed_in.get(path).html.main.text
    switch = form_to(signed_in.get(f"/apps/{slug}/triggers"), "/switch")
    switch.submit("on", status=303)
    form = form_to(signed_in.get(path), path)
    form["max_attempts"] = "7"
    form.submit(status=303)
    assert owner.get(f"/apps/{slug}/triggers")["items"][0]["max_attempts"] == 7
    form_to(signed_in.get(path), "/delete").submit(status=303)
    assert owner.get(f"/apps/{slug}/triggers")["items"] == []


def test_a_wrong_schedule_is_said_and_what_was_filled_in_stays(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", WORKS)
    form = form_to(signed_in.get(f"/apps/{slug}/new-trigger/cron"), "/cron")
    form["schedule"] = "every now and then"
    refused = form.submit(status=422)
    assert "schedule" in said(refused)
    assert form_to(refused, "/cron")["schedule"].value == "every now and then"


def test_an_app_without_scripts_is_told_to_write_one(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    assert "has none" in signed_in.get(f"/apps/{slug}/new-trigger/cron").html.main.text


def test_a_secret_is_shown_once_and_the_sample_is_signed_with_it(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", WORKS)
    form = form_to(signed_in.get(f"/apps/{slug}/new-trigger/email"), "/email")
    made = form.submit(status=200)
    secret = made.html.find(id="secret-shown").text
    assert secret.startswith("whsec_")
    [trigger] = owner_triggers(signed_in, slug)
    page = signed_in.get(f"/apps/{slug}/triggers/{trigger}")
    assert secret not in page.text
    curl = page.html.find(id="inbound-curl").text
    signature = curl.partition("x-picloud-signature: ")[2].partition("'")[0]
    body = curl.rpartition("-d '")[2].rstrip("'")
    path = page.html.find(id="inbound-url").text.partition("localhost")[2].lstrip(":80")
    sent = signed_in.post(
        path, body.encode(), headers={"X-PiCloud-Signature": signature, "Content-Type": "application/json"}, status=202
    )
    assert sent.json["status"] == "queued"
    signed_in.post(path, b"{}", headers={"Content-Type": "application/json"}, status=401)
    requests = signed_in.get(f"/apps/{slug}/triggers/{trigger}").html.main.text
    assert "401" in requests
    rotated = form_to(page, "/rotate-secret").submit(status=200)
    assert rotated.html.find(id="secret-shown").text not in ("", secret)


def test_a_test_mail_is_followed_to_its_execution(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", WORKS)
    trigger = owner.email_trigger(slug, "greet", inbound_secret="generate")
    form = form_to(signed_in.get(f"/apps/{slug}/triggers/{trigger['id']}"), "/test")
    form["subject"] = "A subject of its own"
    followed = form.submit(status=303).location
    eventually(lambda: "delivered" in signed_in.get(followed).html.find(id="sent").h2.text)
    run = signed_in.get(followed).html.find(id="sent").find(class_="timeline").a["href"]
    page = signed_in.get(run).html.main.text
    assert "A subject of its own" in page
    assert "it came" in page
    assert "A subject of its own" in signed_in.get(f"/apps/{slug}/executions").html.table.text
    assert "delivered" in signed_in.get(f"/apps/{slug}/deliveries?state=&kind=email&script=").html.table.text


def test_a_dead_letter_shows_the_failing_line_and_is_replayed(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", FAILS)
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "greet", "queue": "work", "max_attempts": 1})
    assert "No dead letters" in signed_in.get(f"/apps/{slug}/dead-letters").text
    form_to(signed_in.get(f"/apps/{slug}/triggers/{trigger['id']}"), "/test").submit(status=303)
    eventually(lambda: owner.get(f"/apps/{slug}/dead-letters")["items"])
    page = signed_in.get(f"/apps/{slug}/dead-letters")
    assert "no good" in page.html.table.text
    [letter] = owner.get(f"/apps/{slug}/dead-letters")["items"]
    run = signed_in.get(f"/apps/{slug}/deliveries/{letter['id']}").html.find(class_="timeline").a["href"]
    assert "raise ValueError" in signed_in.get(run).html.find(class_="failing").text
    owner.put(f"/apps/{slug}/scripts/greet", {"source": WORKS})
    replayed = form_to(page, "/dead-letters/replay").submit(status=200)
    assert "1 are delivered again" in replayed.text
    eventually(lambda: "delivered" in signed_in.get(f"/apps/{slug}/deliveries/{letter['id']}").html.h1.text)


def test_a_dead_letter_is_discarded(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", FAILS)
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "greet", "queue": "work", "max_attempts": 1})
    owner.post(f"/apps/{slug}/triggers/{trigger['id']}/test", status=202)
    [letter] = eventually(lambda: owner.get(f"/apps/{slug}/dead-letters")["items"])
    form = form_to(signed_in.get(f"/apps/{slug}/dead-letters/{letter['id']}"), "/replay")
    button = form.html.find("button", formaction=True)
    form.action = button["formaction"]
    page = form.submit(status=303).follow()
    assert owner.get(f"/apps/{slug}/dead-letters")["items"] == []
    undone = form_to(page, "/dead-letters/restore").submit(status=200)
    assert "1 are back" in undone.text
    assert [item["id"] for item in owner.get(f"/apps/{slug}/dead-letters")["items"]] == [letter["id"]]


def test_ticked_letters_are_discarded_restored_and_replayed(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", FAILS)
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "greet", "queue": "work", "max_attempts": 1})
    for _ in range(3):
        owner.post(f"/apps/{slug}/triggers/{trigger['id']}/test", status=202)
    eventually(lambda: len(owner.get(f"/apps/{slug}/dead-letters")["items"]) == 3)
    path = f"/apps/{slug}/dead-letters"
    listed = ticking(signed_in.get(path))
    listed.action = f"{path}/discard"
    assert "tick some" in said(listed.submit("which", index=0, status=422))
    listed.set("ids", True, index=0)
    listed.set("ids", True, index=1)
    page = listed.submit("which", index=0, status=303).follow()
    assert "2 discarded" in page.text
    assert "ValueError" in signed_in.get(f"{path}?state=discarded").html.main.text
    ticking(signed_in.get(f"{path}?state=discarded")).submit("which", index=1, status=200)
    assert len(owner.get(path)["items"]) == 3
    owner.put(f"/apps/{slug}/scripts/greet", {"source": WORKS})
    assert "3 are delivered again" in ticking(signed_in.get(path)).submit("which", index=1, status=200).text


def ticking(page: TestResponse) -> Any:
    """The form with a box before each letter."""
    return next(form for form in page.forms.values() if "ids" in form.fields)


def test_a_delivery_is_edited_and_resent(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", WORKS)
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "greet", "queue": "work"})
    first = owner.post(f"/apps/{slug}/triggers/{trigger['id']}/test", status=202)["delivery_id"]
    form = form_to(signed_in.get(f"/apps/{slug}/deliveries/{first}"), "/resend")
    form["event"] = "{no json"
    refused = form.submit(status=422)
    assert "event" in said(refused)
    form = form_to(refused, "/resend")
    assert form["event"].value == "{no json"
    form["event"] = '{"payload": "another"}'
    page = form.submit(status=303).follow()
    assert "another delivery" in page.html.main.dl.text
    assert "another" in page.html.main.find_all("pre")[0].text


def test_filters_stand_in_the_address_and_a_wrong_one_is_said(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    empty = signed_in.get(f"/apps/{slug}/executions?status=&script=&since=2026-01-01T10:00&version=3", status=200)
    assert "Nothing that ran matches" in empty.text
    assert "version" in said(signed_in.get(f"/apps/{slug}/executions?version=x", status=422))


def test_an_execution_is_tried_out_again_in_the_editor(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", WORKS)
    owner.route(slug, "GET", "/greet", "greet")
    signed_in.get(f"/run/{slug}/greet", status=200)
    [run] = eventually(lambda: owner.get(f"/apps/{slug}/executions")["items"])
    page = signed_in.get(f"/apps/{slug}/scripts/greet?execution={run['id']}")
    form = form_to(page, "/greet")
    assert "/greet" in form["event"].value
    form.action += "/test"
    assert "ok" in form.submit(status=200).html.find(attrs={"role": "status"}).text


def test_what_postgresql_cannot_look_into_breaks_no_page(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", "def handler(ctx):\n    raise ValueError('a\\0b \\ud800')\n")
    owner.script(slug, "echo", "def handler(ctx):\n    return {'n': 1}\n")
    owner.route(slug, "POST", "/echo", "echo")
    signed_in.post(f"/run/{slug}/echo?q=%00", b"a\0b", status="*")
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "greet", "queue": "work", "max_attempts": 1})
    owner.post(f"/apps/{slug}/triggers/{trigger['id']}/test", status=202)
    eventually(lambda: owner.get(f"/apps/{slug}/dead-letters")["items"])
    for path in ("/", f"/apps/{slug}", f"/apps/{slug}/executions", f"/apps/{slug}/dead-letters"):
        signed_in.get(path, status=200)


def test_what_handlers_and_senders_write_is_text_and_nothing_else(signed_in: TestApp, owner: Client) -> None:
    slug, attack = owner.new_app(), "<script>alert(1)</script><img src=x onerror=alert(1)>"
    owner.script(
        slug,
        "greet",
        f"def handler(ctx):\n    ctx.log.info({attack!r}, why={attack!r})\n"
        f"    ctx.kv({attack.replace('/', '')!r}).set({attack!r}, {attack!r})\n    return {attack!r}\n",
    )
    trigger = owner.email_trigger(slug, "greet")["id"]
    form = form_to(signed_in.get(f"/apps/{slug}/triggers/{trigger}"), "/test")
    form["subject"] = form["text"] = attack
    sent = form.submit(status=303).location
    eventually(lambda: "delivered" in signed_in.get(sent).html.find(id="sent").h2.text)
    run = signed_in.get(sent).html.find(class_="timeline").a["href"]
    entries = signed_in.get(f"/apps/{slug}/kv").html.table.tbody.a["href"]
    entry = signed_in.get(entries).html.table.tbody.a["href"]
    for path in (run, sent, f"/apps/{slug}/executions", f"/apps/{slug}/kv", entries, entry):
        page = signed_in.get(path, status=200)
        assert "alert(1)" in page.html.main.text or "alert(1)" in page.html.textarea.text, path
        assert not page.html.main.find_all(["script", "img"]), path


def test_what_cannot_be_kept_is_refused_and_never_a_failure(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    for path, name, field in (
        (f"/apps/{slug}/members", "/members", "email"),
        (f"/apps/{slug}/kv", "/kv", "collection"),
        (f"/apps/{slug}/secrets", "/secrets", "name"),
        (f"/apps/{slug}/new-script", "/new-script", "source"),
    ):
        form = form_to(signed_in.get(path), name)
        form[field] = "a\0b"
        assert 400 <= form.submit(status="*").status_int < 500, path
    token = form["csrf_token"].value
    for path in ("scripts/%00", "scripts/%00/delete", "triggers/%00/delete", "kv/%00/%00", "secrets/%00/delete"):
        answer = signed_in.post(f"/apps/{slug}/{path}", {"csrf_token": token, "source": "x"}, status="*")
        assert 400 <= answer.status_int < 500, path
