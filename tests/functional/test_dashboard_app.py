"""The other pages of an app and of the instance: routes, data, secrets, domains, people, keys, audit, one's account."""

import base64
import time
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from webtest import TestApp, TestResponse

from picloud.domain import totp
from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from picloud.services.people.users import UserService
from tests.functional.browsing import PASSWORD, browser, email, form_to, said, signed_in
from tests.functional.client import Client, unique
from tests.pace import PATIENCE

__all__ = ["browser", "email", "signed_in"]

HELLO = "def handler(ctx):\n    return {'hello': 'there'}\n"


def test_a_route_is_added_called_closed_and_deleted(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    assert "write one first" in signed_in.get(f"/apps/{slug}/routes").html.main.text
    owner.script(slug, "hello", HELLO)
    page = signed_in.get(f"/apps/{slug}/routes")
    form = form_to(page, "/routes")
    form["path"] = "no slash"
    assert "path" in said(form.submit(status=422))
    form["path"], form["script"] = "/hello/{name}", "hello"
    page = form.submit(status=303).follow()
    assert page.html.find(id="curl-1").text == f"curl -X GET http://localhost/run/{slug}/hello/name"
    route = owner.get(f"/apps/{slug}/routes")["items"][0]
    form = form_to(signed_in.get(f"/apps/{slug}/routes/{route['id']}"), f"/routes/{route['id']}")
    form["access"] = "key"
    page = form.submit(status=303).follow()
    assert "$PICLOUD_KEY" in page.html.find(id="curl-1").text
    gone = form_to(page, "/delete").submit(status=200)
    assert owner.get(f"/apps/{slug}/routes")["items"] == []
    gone.forms[next(key for key, each in gone.forms.items() if "Undo" in str(each.text))].submit(status=303)
    [again] = owner.get(f"/apps/{slug}/routes")["items"]
    assert {name: again[name] for name in ("path", "access")} == {"path": "/hello/{name}", "access": "key"}


def test_the_match_tester_names_the_route_and_its_parameters(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "hello", HELLO)
    owner.route(slug, "GET", "/hello/{name}", "hello")
    form = signed_in.get(f"/apps/{slug}/routes").forms[1]
    form["path"] = "/hello/ada%20l?x=1"
    met = form.submit().html.find(class_="notice").text
    assert "/hello/{name}" in met
    assert "ada l" in met
    form["method"] = "POST"
    assert "405" in form.submit().html.find(class_="notice").text
    form["path"] = "nowhere"
    assert "path" in said(form.submit(status=422))


def test_a_route_that_was_changed_meanwhile_is_not_overwritten(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "hello", HELLO)
    route = owner.route(slug, "GET", "/hello", "hello")
    path = f"/apps/{slug}/routes/{route['id']}"
    form = form_to(signed_in.get(path), path)
    owner.patch(path, {"path": "/theirs"})
    form["path"] = "/mine"
    refused = form.submit(status=412)
    assert "/theirs" in refused.html.table.text
    assert "/mine" in refused.html.table.text
    again = form_to(refused, path)
    assert again["path"].value == "/mine"
    again.submit(status=303)
    assert owner.get(path)["path"] == "/mine"


def test_entries_are_added_changed_and_deleted(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    form = form_to(signed_in.get(f"/apps/{slug}/kv"), "/kv")
    form["collection"], form["key"], form["value"] = "orders", "a/b c", "{no json"
    assert "value" in said(form.submit(status=422))
    form["value"] = '{"n": 1}'
    page = form.submit(status=303).follow()
    assert '{"n": 1}' in page.html.table.text
    page = signed_in.get(page.html.table.tbody.a["href"])
    form = form_to(page, page.request.path)
    form["value"] = "[2]"
    form.submit(status=303)
    assert owner.get(f"/apps/{slug}/kv/orders/a%2Fb%20c")["value"] == [2]
    page.forms[next(key for key, each in page.forms.items() if "/delete-kv/" in each.action)].submit(status=303)
    assert owner.get(f"/apps/{slug}/kv")["items"] == []


def test_a_secret_goes_in_and_never_comes_out(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    form = form_to(signed_in.get(f"/apps/{slug}/secrets"), "/secrets")
    form["name"], form["value"] = "not a name", "hidden-value"
    refused = form.submit(status=422)
    assert "hidden-value" not in refused.text
    form["name"] = "TOKEN"
    page = form.submit(status=303).follow()
    assert "TOKEN" in page.html.table.text
    assert "hidden-value" not in page.text
    form_to(page, "/TOKEN/delete").submit(status=303)
    assert owner.get(f"/apps/{slug}/secrets")["items"] == []


def test_a_domain_is_added_and_removed(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    form = form_to(signed_in.get(f"/apps/{slug}/domains"), "/domains")
    form["domain"] = "not a domain"
    assert said(form.submit(status=422))
    form["domain"] = domain = f"{unique('shop')}.example.com"
    page = form.submit(status=303).follow()
    assert domain in page.html.table.text
    form_to(page, "/delete").submit(status=303)
    assert owner.get(f"/apps/{slug}/domains")["items"] == []


def test_users_are_made_and_given_roles(signed_in: TestApp, owner: Client) -> None:
    slug, address = owner.new_app(), f"{unique('ada')}@example.com"
    form = form_to(signed_in.get("/users"), "/users")
    form["email"], form["password"] = address, PASSWORD
    form.submit(status=303)
    form = form_to(signed_in.get(f"/apps/{slug}/members"), "/members")
    form["email"] = "nobody@example.com"
    assert "no user" in said(form.submit(status=422))
    form["email"], form["role"] = address, "editor"
    page = form.submit(status=303).follow()
    assert "editor" in page.html.table.text
    row = form_to(page, "/members")
    row["role"] = "viewer"
    row.submit(status=303)
    assert [item["role"] for item in owner.get(f"/apps/{slug}/members")["items"]] == ["viewer"]
    form_to(page, "/remove").submit(status=303)
    [user] = [item for item in owner.all("/users") if item["email"] == address]
    people = signed_in.get(page_with(owner, user["id"]))
    form_to(people, f"/users/{user['id']}").submit("disabled", status=303)
    assert owner.get(f"/users/{user['id']}")["disabled"]
    form_to(people, f"/users/{user['id']}/delete").submit(status=303)
    owner.get(f"/users/{user['id']}", status=404)


def test_a_key_is_shown_once_and_works(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    form = form_to(signed_in.get("/api-keys"), "/api-keys")
    form["name"] = "deploy"
    assert "scopes" in said(form.submit(status=422))
    form.set("scopes", True, index=0)
    form["app"] = slug
    made = form.submit(status=200)
    key = made.html.find(id="key-shown").text
    assert Client(owner.app, key).get(f"/apps/{slug}")["slug"] == slug
    assert key not in signed_in.get("/api-keys").text
    form_to(made, f"/{Client(owner.app, key).get('/me')['key']['id']}/delete").submit(status=303)
    Client(owner.app, key).get(f"/apps/{slug}", status=401)


def test_what_was_done_is_found_in_the_audit(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "hello", HELLO)
    page = signed_in.get(f"/audit?app={slug}&action=script.create&actor=&target=&since=&until=")
    assert [row.code.text for row in page.html.table.tbody.find_all("tr")] == ["script.create"]


def test_settings_are_changed_and_the_app_deleted(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    form = form_to(signed_in.get(f"/apps/{slug}/settings"), "/settings")
    form["http_allow"], form["wall_ms"], form["name"] = "api.example.com\nother.example.com", "900", "Renamed"
    form.submit(status=303)
    app = owner.get(f"/apps/{slug}")
    assert (app["name"], app["limits"]) == ("Renamed", {"wall_ms": 900})
    assert app["http_allow"] == ["api.example.com", "other.example.com"]
    form["wall_ms"] = "1"
    refused = form.submit(status=422)
    assert "wall_ms" in said(refused)
    assert form_to(refused, "/settings")["wall_ms"].value == "1"
    assert f"Default {10_000 * PATIENCE:.0f}; in effect 900" in refused.html.find(id="wall_ms-help").text
    form_to(signed_in.get(f"/apps/{slug}/settings"), f"/apps/{slug}/delete").submit(status=303)
    owner.get(f"/apps/{slug}", status=404)


def page_with(owner: Client, user_id: str) -> str:
    """The page of people that begins with this one; there may be more than one has room for."""
    ids = [item["id"] for item in owner.all("/users")]
    return f"/users?after={ids[ids.index(user_id) - 1]}"


@pytest.fixture
def stale(signed_in: TestApp, process: Process) -> TestApp:
    """Signed in a while ago."""
    with Session(process.engine) as session, session.begin():
        session.execute(text("UPDATE user_sessions SET authenticated_at = now() - interval '1 hour'"))
    return signed_in


def test_who_signed_in_a_while_ago_shows_the_password_again_for_what_gives_power(stale: TestApp) -> None:
    form = form_to(stale.get("/api-keys"), "/api-keys")
    form["name"] = "deploy"
    form.set("scopes", True, index=0)
    asked = form.submit(status=403)
    again = form_to(asked, "/reauthenticate")
    again["reauth_password"] = "wrong"
    again = form_to(again.submit(status="4*"), "/reauthenticate")
    again["reauth_password"] = PASSWORD
    made = sent_again(stale, again)
    assert made.html.find(id="key-shown")
    assert "deploy" in made.html.table.text


def test_a_new_password_is_asked_for_once_more_and_never_sent_back(stale: TestApp, email: str) -> None:
    form = form_to(stale.get("/account"), "/account/password")
    form["password"] = "a new long password"
    asked = form.submit(status=403)
    assert "a new long password" not in asked.text
    again = form_to(asked, "/reauthenticate")
    again["reauth_password"], again["password"] = PASSWORD, PASSWORD + "!"
    changed = sent_again(stale, again)
    assert "is changed" in changed.text
    form = form_to(changed, "/account/password")
    form["password"] = PASSWORD
    form.submit(status=200)


def test_who_is_led_on_from_the_password_stays_here(stale: TestApp) -> None:
    again = form_to(stale.get("/reauthenticate?next=//evil.example"), "/reauthenticate")
    again["reauth_password"] = PASSWORD
    assert again.submit(status=303).location == "http://localhost/"


def sent_again(browser: TestApp, form: Any) -> TestResponse:
    """As a browser does it with a 307: the same body to another address."""
    fields = form.submit_fields()
    there = form.submit(status=307).location
    return browser.post(there.removeprefix("http://localhost"), fields, status=200)


def test_a_preset_ticks_its_scopes(signed_in: TestApp) -> None:
    boxes = signed_in.get("/api-keys?preset=deploy").html.find_all("input", attrs={"name": "scopes"})
    assert {box["value"] for box in boxes if box.has_attr("checked")} == {"script:read", "script:write", "route:write"}


def test_a_second_factor_is_set_up_and_removed(browser: TestApp, process: Process) -> None:
    address = f"{unique('grace')}@example.com"
    with Session(process.engine) as session, session.begin():
        UserService(session).create(address, InstanceRole.MEMBER, PASSWORD)
    form = browser.get("/sign-in").form
    form["email"], form["password"] = address, PASSWORD
    form.submit(status=303)
    page = form_to(browser.get("/account"), "/account/totp").submit(status=200)
    assert page.html.find(id="totp-secret").text
    assert page.html.find(class_="qr").svg.path
    form = form_to(page, "/totp/confirm")
    form["code"] = "000000"
    assert said(form.submit(status="4*"))
    secret = base64.b32decode(page.html.find(id="totp-secret").text)
    form["code"] = totp.code(secret, totp.step_of(time.time()))
    confirmed = form.submit(status=200)
    assert confirmed.html.find(id="codes").text
    removed = form_to(confirmed, "/totp/remove").submit(status=200)
    assert "no second factor any more" in removed.text
    form = form_to(browser.get("/account"), "/account/password")
    form["password"] = "short"
    assert said(form.submit(status=422))
    form["password"] = PASSWORD + "!"
    assert "changed" in form.submit(status=200).html.main.text
