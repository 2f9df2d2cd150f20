"""The triggers tab: what each did of late, what a form would do before it is sent, mail composed, signed and followed."""

import os
import subprocess
from itertools import pairwise
from typing import Any

import pytest
from webtest import TestApp, Upload

from tests.functional.browsing import browser, email, form_to, said, signed_in
from tests.functional.client import Client, eventually

__all__ = ["browser", "email", "signed_in"]

WORKS = "def handler(ctx):\n    ctx.log.info('it came')\n    return {'ok': True}\n"
FAILS = "def handler(ctx):\n    raise ValueError('no good')\n"


@pytest.fixture
def slug(owner: Client) -> str:
    slug = owner.new_app()
    owner.script(slug, "greet", WORKS)
    return slug


def test_the_list_says_how_each_trigger_did_and_where_to_look(signed_in: TestApp, owner: Client, slug: str) -> None:
    owner.script(slug, "bad", FAILS)
    body = {"script": "bad", "queue": "work", "max_attempts": 2}
    trigger = owner.post(f"/apps/{slug}/triggers/queue", body)
    path = f"/apps/{slug}/triggers"
    assert "none kept" in signed_in.get(path).html.table.text
    owner.post(f"{path}/{trigger['id']}/test", status=202)
    eventually(lambda: owner.get(f"{path}/{trigger['id']}")["last_result"] == "dead")
    row = signed_in.get(path).html.table.tbody
    assert "2 failed in a row" in row.text
    letter = row.find(lambda each: each.name == "a" and "/dead-letters/" in each["href"])
    assert "no good" in signed_in.get(letter["href"]).text


def test_switching_off_can_be_undone_on_the_spot(signed_in: TestApp, owner: Client, slug: str) -> None:
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "greet", "queue": "work"})
    path = f"/apps/{slug}/triggers"
    page = form_to(signed_in.get(path), "/switch").submit(status=303).follow()
    assert "is off" in page.html.find(class_="notice").text
    assert owner.get(f"{path}/{trigger['id']}")["enabled"] is False
    form_to(page, "/switch").submit("on", status=303)
    assert owner.get(f"{path}/{trigger['id']}")["enabled"] is True


@pytest.mark.parametrize(
    ("kind", "fields", "shown"),
    [
        ("cron", {"schedule": "30 9 * * 1-5", "timezone": "Europe/Berlin"}, "At 09:30 every weekday, Europe/Berlin"),
        ("cron", {"schedule": "often"}, "five fields"),
        ("kv", {"collection_glob": "orders"}, "1 entry matches now"),
        ("kv", {"collection_glob": "nothing-*"}, "0 entries match now"),
    ],
)
def test_a_form_says_what_it_would_do_and_makes_nothing(
    signed_in: TestApp, owner: Client, slug: str, kind: str, fields: dict[str, str], shown: str
) -> None:
    owner.put(f"/apps/{slug}/kv/orders/1", {"value": 1})
    form = form_to(signed_in.get(f"/apps/{slug}/new-trigger/{kind}"), f"/new-trigger/{kind}")
    for name, value in fields.items():
        form[name] = value
    page = form.submit("check", status=200)
    assert shown in page.html.find(id="preview").text
    again = form_to(page, f"/new-trigger/{kind}")
    assert {name: again[name].value for name in fields} == fields
    assert owner.get(f"/apps/{slug}/triggers")["items"] == []


def test_a_trigger_that_was_changed_meanwhile_is_not_overwritten(signed_in: TestApp, owner: Client, slug: str) -> None:
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "greet", "queue": "work"})
    path = f"/apps/{slug}/triggers/{trigger['id']}"
    form = form_to(signed_in.get(path), path)
    owner.patch(path, {"queue": "theirs"})
    form["queue"] = "mine"
    refused = form.submit(status=412)
    differences = {
        row.td.text: [each.text for each in row.find_all("td")[1:]] for row in refused.html.table.tbody("tr")
    }
    assert differences == {"queue": ["theirs", "mine"]}
    form_to(refused, path).submit(status=303)
    assert owner.get(path)["queue"] == "mine"


def test_a_composed_mail_arrives_as_it_was_written(signed_in: TestApp, owner: Client, slug: str) -> None:
    trigger = owner.email_trigger(slug, "greet", inbound_secret="generate")
    path = f"/apps/{slug}/triggers/{trigger['id']}"
    form = form_to(signed_in.get(path), "/test")
    form["subject"], form["to"], form["html"] = "Of its own", "a@example.com, b@example.com", "<p>Hi</p>"
    form["attachment"] = Upload("a.txt", b"attached", "text/plain")
    followed = form.submit(status=303).location
    eventually(lambda: "delivered" in signed_in.get(followed).html.find(id="sent").h2.text)
    page = signed_in.get(followed).html.find(id="sent")
    assert "checked" in page.text
    assert "it came" in page.text
    [run] = owner.get(f"/apps/{slug}/executions")["items"]
    mail = owner.get(f"/apps/{slug}/executions/{run['id']}")["event"]["email"]
    assert (mail["subject"], mail["html"], mail["to"]) == (
        "Of its own",
        "<p>Hi</p>",
        ["a@example.com", "b@example.com"],
    )
    assert [(each["filename"], each["size"]) for each in mail["attachments"]] == [("a.txt", 8)]
    form["from"] = "a\x00b"
    assert "from" in said(form.submit(status=422))


@pytest.mark.parametrize("given", ["generate", "a secret; of 'mine' $HOME"])
def test_what_signs_requests_works_when_it_is_pasted(
    signed_in: TestApp, owner: Client, slug: str, given: str, tmp_path: Any
) -> None:
    """In bash, with the system's openssl; a curl of ours writes down what it was called with, and we send that."""
    trigger = owner.email_trigger(slug, "greet", inbound_secret="old")
    path = f"/apps/{slug}/triggers/{trigger['id']}"
    form = form_to(signed_in.get(path), "/rotate-secret")
    form["secret_from"], form["secret"] = ("generate", "") if given == "generate" else ("given", given)
    page = form.submit(status="*")
    page = page.follow() if page.status_int == 303 else page
    text = page.html.find(id="inbound-signing").text
    if given != "generate":
        text = text.replace("'put the secret here'", '"$GIVEN"')
    (tmp_path / "curl").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "curl").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GIVEN": given}
    ran = subprocess.run(["bash", "-eu"], input=text, env=environment, capture_output=True, text=True, check=True)
    url, *arguments = ran.stdout.splitlines()
    assert url == trigger["inbound_url"]
    headers = dict(value.split(": ", 1) for flag, value in pairwise(arguments) if flag == "-H")
    body = arguments[arguments.index("--data-binary") + 1].encode()
    assert owner.app.post(url, body, headers=headers, status=202).json["status"] == "queued"


def test_the_page_explains_what_a_sender_needs(signed_in: TestApp, owner: Client, slug: str) -> None:
    new = signed_in.get(f"/apps/{slug}/new-trigger/email?provider=mailgun")
    assert "signing key" in new.html.find(id="provider").text
    form = form_to(new, "/new-trigger/email")
    assert (form["provider"].value, form["secret_from"].value) == ("mailgun", "given")
    trigger = owner.email_trigger(slug, "greet")
    page = signed_in.get(f"/apps/{slug}/triggers/{trigger['id']}")
    for field in ("message_id", "attachments[].content", "envelope.remote_ip"):
        assert page.html.find("code", string=field), field
    signed_in.get(f"/apps/{slug}/triggers/{trigger['id']}?provider=pigeon", status=422)
