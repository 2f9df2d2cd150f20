"""The pages, as a browser without scripts sees them: who gets in, what they show, and that nothing foreign runs on them."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp, TestResponse

from picloud.app import make_app
from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from picloud.sandbox_pool.executor import Executor
from picloud.services.people.users import UserService
from picloud.views.dashboard import routes
from picloud.views.dashboard.assets import assets
from tests.functional.browsing import PASSWORD, browser, email, signed_in
from tests.functional.client import Client, unique
from tests.pace import UNCONFINED

__all__ = ["browser", "email", "signed_in"]

PAGE_BYTES = 35 * 1024
"""A first visit of a page, compressed."""
EDITOR_BYTES = 190 * 1024
"""The same where a source is edited."""


def test_who_is_not_signed_in_is_asked_to_and_then_led_on(browser: TestApp, email: str) -> None:
    asked = browser.get("/apps", status=303)
    assert asked.location.endswith("/sign-in?next=/apps")
    form = asked.follow().form
    form["email"], form["password"] = email, PASSWORD
    assert form.submit(status=303).location.endswith("/apps")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"])
def test_nobody_is_led_away(browser: TestApp, email: str, elsewhere: str) -> None:
    form = browser.get("/sign-in", {"next": elsewhere}).form
    form["email"], form["password"] = email, PASSWORD
    assert form.submit(status=303).location in ("/", "http://localhost/")


def test_a_wrong_password_is_said_on_the_page(browser: TestApp, email: str) -> None:
    form = browser.get("/sign-in").form
    form["email"], form["password"] = email, "wrong"
    said = form.submit(status=401)
    assert said.html.find(attrs={"role": "alert"})
    assert said.form["email"].value == email
    assert "wrong" not in said.form["password"].value


def test_signing_out_ends_the_session(signed_in: TestApp) -> None:
    signed_in.get("/", status=200).forms[0].submit(status=303)
    signed_in.get("/", status=303)


def test_forms_without_their_token_are_refused(signed_in: TestApp) -> None:
    said = signed_in.post("/apps", {"slug": unique("app")}, status=403)
    assert "CSRF" in said.text
    signed_in.post("/sign-out", {}, headers={"Origin": "https://evil.example"}, status=403)


def test_an_app_is_made_and_a_mistake_is_said_beside_the_form(signed_in: TestApp) -> None:
    form = signed_in.get("/apps").forms[1]
    form["slug"] = "Not A Slug"
    said = form.submit(status=422)
    assert "has to be 1 to 63" in said.text
    form = said.forms[1]
    form["slug"] = slug = unique("app")
    assert form.submit(status=303).follow().html.h1.text == slug


def test_a_failure_is_a_page_too(signed_in: TestApp) -> None:
    assert "There is no such app" in signed_in.get("/apps/nothing", status=404).html.text
    assert signed_in.get("/nowhere", status=404).content_type == "text/html"


def test_the_api_still_answers_problems(signed_in: TestApp) -> None:
    assert signed_in.get("/api/v1/admin/apps/nothing", status=404).content_type == "application/problem+json"


def test_the_chosen_colours_arrive_with_the_page(signed_in: TestApp) -> None:
    forms = signed_in.get("/apps").forms
    forms[max(forms)].submit("theme", value="dark", status=303)
    assert signed_in.get("/apps").html.html["data-theme"] == "dark"


def every_page(slug: str) -> list[str]:
    patterns = [*routes.INSTANCE_PAGES.values(), *routes.APP_PAGES.values(), *routes.PUBLIC_PAGES.values()]
    return [pattern.replace("{app}", slug) for pattern in patterns if "{" not in pattern.replace("{app}", "")]


def test_every_page_is_strict_about_what_runs_on_it(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    seen = 0
    for path in every_page(slug):
        answer = signed_in.get(path, status="*")
        if answer.status_int == 200:
            seen += 1
            assert_strict(answer)
            assert weight(answer) < (EDITOR_BYTES if "/editor.js" in answer.text else PAGE_BYTES), path
    assert seen >= 18


def assert_strict(answer: TestResponse) -> None:
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    [nonce] = set(re.findall(r"'nonce-([^']+)'", policy))
    for element in answer.html.find_all(["script", "style"]):
        assert element["nonce"] == nonce
        assert element.get("src"), "no script stands in a page"
    for element in answer.html.find_all(True):
        assert not [name for name in element.attrs if name.startswith("on") or name == "style"], element
        for name in ("src", "href", "action"):
            assert not element.get(name, "").startswith(("http:", "https:", "//", "javascript:")), element


def weight(page: TestResponse) -> int:
    """Bytes of a first visit, compressed as a proxy in front does and as we do."""
    loaded = [element.get("src") or element["href"] for element in page.html.find_all(["script", "link"])]
    files = [assets()[path.rpartition("/")[2]].compressed for path in loaded]
    return sum(map(len, [gzip.compress(page.body), *files]))


def test_what_pages_load_is_kept_for_ever_and_comes_compressed(browser: TestApp) -> None:
    page = browser.get("/sign-in")
    for element in page.html.find_all(["script", "link"]):
        answer = browser.get(element.get("src") or element["href"], headers={"Accept-Encoding": "gzip"})
        assert "immutable" in answer.headers["Cache-Control"]
    browser.get("/static/0/nothing.js", status=404)
    browser.get("/static/0/..%2f..%2fcrypto.py", status=404)


def test_a_viewer_sees_pages_and_no_form_that_would_be_refused(
    browser: TestApp, owner: Client, process: Process
) -> None:
    slug, address = owner.new_app(), f"{unique('viewer')}@example.com"
    owner.script(slug, "greet", "def handler(ctx):\n    return 1\n")
    owner.route(slug, "GET", "/greet", "greet")
    trigger = owner.email_trigger(slug, "greet")["id"]
    with Session(process.engine) as session, session.begin():
        user_id = UserService(session).create(address, InstanceRole.MEMBER, PASSWORD).id
    owner.put(f"/apps/{slug}/members/{user_id}", {"role": "viewer"})
    form = browser.get("/sign-in").form
    form["email"], form["password"] = address, PASSWORD
    form.submit(status=303)
    paths = [*every_page(slug), f"/apps/{slug}/scripts/greet", f"/apps/{slug}/triggers/{trigger}"]
    pages = {path: browser.get(path, status="*") for path in paths}
    seen = {path for path, page in pages.items() if page.status_int == 200}
    assert {f"/apps/{slug}/scripts/greet", f"/apps/{slug}/triggers/{trigger}", f"/apps/{slug}/members"} <= seen
    assert pages[f"/apps/{slug}/secrets"].status_int == pages["/users"].status_int == 403
    for path in seen - {"/api-keys", "/account", "/reauthenticate", "/sign-in", "/setup"}:
        assert {form.action for form in pages[path].forms.values() if form.method == "post"} <= {"/sign-out", "/theme"}


def test_every_page_warns_where_handlers_run_unconfined(signed_in: TestApp, process: Process) -> None:
    assert ("unconfined" in signed_in.get("/apps").text) == UNCONFINED
    settings = replace(process.runtime.settings, sandbox_i_accept_unconfined_handlers=True)
    kit = str(Path(__file__).parent.parent / "sandbox")
    executor = Executor("open_zygote", (kit,), accept_unconfined=True)
    try:
        unconfined = TestApp(
            make_app(replace(process.runtime, settings=settings, executor=executor)), cookiejar=signed_in.cookiejar
        )
        for path in ("/", "/apps", "/nowhere"):
            warning = unconfined.get(path, headers={"Accept": "text/html"}, status="*").html.find(class_="gaps")
            assert "seccomp" in warning.text, path
    finally:
        executor.close()
