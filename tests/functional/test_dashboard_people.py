"""Who sees what on the pages of people, keys, data and settings, and what is left on them after a mistake."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from picloud.services.people.users import UserService
from tests.functional.browsing import PASSWORD, SAYS, browser, email, form_to, said, signed_in
from tests.functional.client import Client, unique
from tests.functional.test_dashboard_app import page_with
from tests.functional.test_second_factor import codes

__all__ = ["browser", "email", "signed_in"]

Person = Callable[[InstanceRole], tuple[TestApp, str]]


@pytest.fixture
def person(process: Process, app: TestApp) -> Person:
    """Makes a user with a browser, signed in, and its email."""

    def make(role: InstanceRole) -> tuple[TestApp, str]:
        address = f"{unique('person')}@example.com"
        with Session(process.engine) as session, session.begin():
            UserService(session).create(address, role, PASSWORD)
        return signed_in_as(app, address), address

    return make


def signed_in_as(app: TestApp, address: str) -> TestApp:
    own = TestApp(app.app, extra_environ=SAYS)
    form = own.get("/sign-in").form
    form["email"], form["password"] = address, PASSWORD
    form.submit(status=303)
    return own


def user_id(owner: Client, address: str) -> str:
    [user] = [item for item in owner.all("/users") if item["email"] == address]
    return str(user["id"])


def test_a_viewer_is_offered_only_what_it_may(owner: Client, person: Person) -> None:
    slug = owner.new_app()
    viewer, address = person(InstanceRole.MEMBER)
    owner.put(f"/apps/{slug}/members/{user_id(owner, address)}", {"role": "viewer"})
    page = viewer.get(f"/apps/{slug}/scripts")
    offered = {tab.text for tab in page.html.select("nav a")}
    assert {"Account", "API keys", "Scripts"} <= offered
    assert not {"Users", "Secrets", "Domains", "Settings"} & offered
    for hidden in ("/users", f"/apps/{slug}/secrets", f"/apps/{slug}/settings"):
        viewer.get(hidden, status=403)


def test_who_has_no_role_in_an_app_learns_nothing_of_it(owner: Client, person: Person) -> None:
    slug = owner.new_app()
    app = owner.patch(f"/apps/{slug}", {"name": "Hidden name"})
    stranger, _ = person(InstanceRole.MEMBER)
    for path in ("members", "settings", "secrets", "domains", "kv", "kv/orders"):
        refused = stranger.get(f"/apps/{app['id']}/{path}", status=403)
        assert [text for text in (slug, "Hidden name") if text in refused.text] == []


def test_a_second_factor_s_whole_life(process: Process, app: TestApp, person: Person) -> None:
    own, address = person(InstanceRole.MEMBER)
    enrolled = form_to(own.get("/account"), "/account/totp").submit(status=200)
    secret = enrolled.html.find(id="totp-secret").text
    assert enrolled.html.find(id="totp-uri").text.startswith("otpauth://totp/")
    form = form_to(enrolled, "/totp/confirm")
    form["code"] = codes(process, secret)[0]
    shown = form.submit(status=200).html.find(id="codes").text.split()
    assert len(shown) == len(set(shown)) > 1
    assert shown[0] not in own.get("/account").text
    form_to(own.get("/account"), "/totp/remove").submit(status=200)
    signed_in_as(app, address)


def test_a_session_is_ended_from_another(app: TestApp, person: Person) -> None:
    own, address = person(InstanceRole.MEMBER)
    lost = signed_in_as(app, address)
    page = own.get("/account")
    assert len(page.html.table.tbody.find_all("tr")) == 2
    form_to(page, "/end").submit(status=303)
    assert lost.get("/account", status=303).location.endswith("/sign-in?next=/account")
    own.get("/account", status=200)


def test_entries_are_found_by_prefix_and_page_by_page(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    for key in ("a/1", "a/2", "a/3", "b/1"):
        owner.put(f"/apps/{slug}/kv/orders/{key.replace('/', '%2F')}", {"value": key})
    page, seen = signed_in.get(f"/apps/{slug}/kv/orders?prefix=a%2F&limit=2"), []
    assert "orders4" in "".join(signed_in.get(f"/apps/{slug}/kv").html.tbody.text.split())
    while True:
        seen += [link.text for link in page.html.tbody.find_all("a")]
        older = page.html.find("a", rel="next")
        if older is None:
            break
        page = page.goto(older["href"])
    assert seen == ["a/1", "a/2", "a/3"]


def test_the_audit_shows_what_was_before_and_after(signed_in: TestApp, owner: Client, person: Person) -> None:
    _, address = person(InstanceRole.MEMBER)
    owner.patch(f"/users/{user_id(owner, address)}", {"role": "admin"})
    page = signed_in.get(f"/audit?action=user.update&target={user_id(owner, address)}")
    [changed] = page.html.table.tbody.find_all("pre")
    assert changed.text.index('"member"') < changed.text.index('"admin"')
    assert "since" in said(signed_in.get("/audit?since=yesterday", status=422))


def test_a_key_that_has_ended_already_is_refused_and_the_form_keeps_its_fields(signed_in: TestApp) -> None:
    form = form_to(signed_in.get("/api-keys"), "/api-keys")
    form["name"], form["expires_at"] = "deploy", "2020-01-01T00:00"
    form.set("scopes", True, index=0)
    refused = form.submit(status=422)
    assert "past" in said(refused)
    again = form_to(refused, "/api-keys")
    assert (again["name"].value, again.get("scopes", index=0).checked) == ("deploy", True)


def test_what_another_wrote_into_an_entry_is_not_overwritten(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.put(f"/apps/{slug}/kv/orders/k", {"value": 1})
    form = form_to(signed_in.get(f"/apps/{slug}/kv/orders/k"), "/kv/orders/k")
    owner.put(f"/apps/{slug}/kv/orders/k", {"value": "theirs"})
    form["value"] = '"mine"'
    refused = form.submit(status=412)
    assert owner.get(f"/apps/{slug}/kv/orders/k")["value"] == "theirs"
    assert "theirs" in refused.html.main.details.text
    again = form_to(refused, "/kv/orders/k")
    assert again["value"].value.strip() == '"mine"'
    again.submit(status=303)
    assert owner.get(f"/apps/{slug}/kv/orders/k")["value"] == "mine"


def test_pages_of_keys_name_the_apps_that_they_are_bound_to(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    form = form_to(signed_in.get("/api-keys"), "/api-keys")
    form["name"] = "bound"
    form["app"] = slug
    form.set("scopes", True, index=0)
    form.submit(status=200)
    owner.new_app()
    assert slug in signed_in.get("/api-keys?limit=1").html.tbody.text


@pytest.mark.parametrize(("tab", "fields"), [("secrets", ("name", "value")), ("domains", ("domain",))])
def test_after_a_refused_delete_the_form_still_adds(
    signed_in: TestApp, owner: Client, tab: str, fields: tuple[str, ...]
) -> None:
    slug, first, second = owner.new_app(), f"{unique('A')}.example.com", f"{unique('B')}.example.com"
    if tab == "secrets":
        first, second = "FIRST", "SECOND"
    form = form_to(signed_in.get(f"/apps/{slug}/{tab}"), f"/{tab}")
    for field in fields:
        form[field] = first
    deleting = form_to(form.submit(status=303).follow(), "/delete")
    deleting.submit(status=303)
    form = form_to(deleting.submit(status=404), f"/{tab}")
    for field in fields:
        form[field] = second
    assert second.lower() in form.submit(status=303).follow().html.tbody.text.lower()


def test_a_mistyped_code_is_mended_without_a_new_secret(process: Process, person: Person) -> None:
    own, _ = person(InstanceRole.MEMBER)
    enrolled = form_to(own.get("/account"), "/account/totp").submit(status=200)
    now, _ = codes(process, enrolled.html.find(id="totp-secret").text)
    form = form_to(enrolled, "/totp/confirm")
    form["code"] = "000000" if now != "000000" else "111111"
    form = form_to(form.submit(status=422), "/totp/confirm")
    form["code"] = now
    assert form.submit(status=200).html.find(id="codes")


def test_a_refused_change_of_a_user_leaves_the_form_that_makes_one(
    person: Person, owner: Client, signed_in: TestApp, email: str
) -> None:
    admin, _ = person(InstanceRole.ADMIN)
    owners_id = user_id(owner, email)
    refused = form_to(admin.get(page_with(owner, owners_id)), f"/users/{owners_id}").submit("disabled", status=403)
    form = form_to(refused, "/users")
    form["email"], form["role"] = f"{unique('new')}@example.com", "member"
    form.submit(status=303)
