"""Signing in with a browser: cookie, CSRF token, origin, throttle, sessions that end."""

import json
from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from tests.functional.client import ADMIN, Client, check_problem, unique
from tests.functional.conftest import make_key

PASSWORD = "correct horse battery"
ORIGIN = "http://localhost"


class Browser:
    """One browser: a cookie jar of its own, and what a page of ours would send along."""

    def __init__(self, app: TestApp, address: str = "192.0.2.1", origin: str = ORIGIN) -> None:
        self.app = TestApp(app.app, extra_environ={"REMOTE_ADDR": address, "HTTP_HOST": "localhost"})
        self.origin = origin
        self.csrf = ""

    def call(self, method: str, path: str, body: Any = None, *, status: int, **headers: str) -> Any:
        sent = {"Origin": self.origin, "X-CSRF-Token": self.csrf} | {k.replace("_", "-"): v for k, v in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        if body is not None:
            sent["Content-Type"] = "application/json"
        raw = b"" if body is None else json.dumps(body).encode()
        url = self.origin + ADMIN + path
        response = self.app.request(url, method=method, body=raw, headers=sent, status="*", expect_errors=True)
        assert response.status_int == status, (method, path, response.status, response.text)
        if status >= 400:
            check_problem(response)
        self.headers = response.headers
        return response.json if response.body else None

    def sign_in(self, email: str, password: str = PASSWORD, status: int = 201, **more: Any) -> Any:
        body = {"email": email, "password": password} | more
        answer = self.call("POST", "/session", body, status=status)
        self.csrf = answer.get("csrf_token", self.csrf)
        return answer


@pytest.fixture(scope="module", autouse=True)
def an_owner(owner: Client) -> None:
    """Without one nobody signs in."""


@pytest.fixture
def email(owner: Client) -> str:
    address = f"{unique('ada')}@example.com"
    owner.post("/users", {"email": address, "role": "admin", "password": PASSWORD})
    return address


@pytest.fixture
def browser(app: TestApp) -> Browser:
    return Browser(app, f"192.0.2.{unique('1').split('-')[1]}")


def change(process: Process, statement: str, **parameters: Any) -> None:
    with process.engine.begin() as connection:
        connection.execute(text(statement), parameters)


def lengthen_waits(process: Process) -> None:
    """Whoever has to wait a second waits an hour: no test is so slow."""
    change(process, "UPDATE sign_in_attempts SET blocked_until = blocked_until + interval '1 h'")


def test_signing_in_and_out(browser: Browser, email: str) -> None:
    browser.call("GET", "/me", status=401)
    answer = browser.sign_in(email.upper())
    cookie = browser.headers["Set-Cookie"]
    assert cookie.startswith("picloud_session=pics_")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    me = browser.call("GET", "/me", status=200)
    assert (me["email"], me["key"]) == (email, None)
    assert me["session"] == {"id": answer["id"], "csrf_token": answer["csrf_token"], "fresh": True}
    kept = browser.app.cookies["picloud_session"]
    browser.call("DELETE", "/session", status=204)
    browser.app.set_cookie("picloud_session", kept)
    browser.call("GET", "/me", status=401)
    browser.call("DELETE", "/session", status=204)


def test_what_the_database_keeps_is_a_hash(browser: Browser, email: str, process: Process) -> None:
    browser.sign_in(email)
    token = browser.app.cookies["picloud_session"]
    with process.engine.connect() as connection:
        rows = connection.execute(text("SELECT user_sessions::text FROM user_sessions")).scalars().all()
    assert rows
    assert not any(token in row for row in rows)


@pytest.mark.parametrize(
    "headers",
    [
        {"X_CSRF_Token": ""},
        {"X_CSRF_Token": "wrong"},
        {"X_CSRF_Token": "é"},
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:81"},
    ],
)
def test_a_cookie_alone_changes_nothing(browser: Browser, email: str, headers: dict[str, str]) -> None:
    browser.sign_in(email)
    body = {"slug": unique("app"), "name": "x"}
    browser.call("POST", "/apps", body, status=201)
    browser.call("POST", "/apps", {"slug": unique("app")}, status=403, **headers)
    browser.call("DELETE", "/session", status=403, **headers)
    browser.call("GET", "/apps", status=200, **headers)


def test_another_session_s_token_does_not_do(app: TestApp, email: str) -> None:
    one, two = Browser(app), Browser(app)
    one.sign_in(email)
    two.sign_in(email)
    two.call("POST", "/apps", {"slug": unique("app")}, status=403, X_CSRF_Token=one.csrf)


def test_of_key_and_cookie_the_key_counts(browser: Browser, email: str, process: Process) -> None:
    browser.sign_in(email)
    member = make_key(process, InstanceRole.MEMBER)
    assert browser.call("GET", "/me", status=200, Authorization=f"Bearer {member}")["email"] != email
    browser.call("POST", "/apps", {"slug": unique("app")}, status=403, Authorization=f"Bearer {member}")
    browser.call("GET", "/me", status=401, Authorization="Bearer pic_wrong")
    admin = make_key(process, InstanceRole.ADMIN)
    browser.csrf = ""
    body = {"slug": unique("app")}
    browser.call("POST", "/apps", body, status=201, Origin="http://evil.example", Authorization=f"Bearer {admin}")


def test_a_foreign_page_can_t_sign_anybody_in(browser: Browser, email: str) -> None:
    body = {"email": email, "password": PASSWORD}
    browser.call("POST", "/session", body, status=403, Origin="http://evil.example")


def test_unknown_wrong_and_disabled_look_alike(browser: Browser, email: str, owner: Client, process: Process) -> None:
    user = next(u for u in owner.all("/users") if u["email"] == email)
    answers = [browser.sign_in(email, "not the password", 401), browser.sign_in("nobody@example.com", status=401)]
    owner.patch(f"/users/{user['id']}", {"disabled": True})
    answers.append(browser.sign_in(email, status=401))
    for answer in answers:
        del answer["instance"]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["code"] == "wrong_credentials"


def test_wrong_passwords_make_one_wait_but_not_the_owner(app: TestApp, process: Process, email: str) -> None:
    home, stranger = Browser(app, "198.51.100.1"), Browser(app, "203.0.113.77")
    home.sign_in(email)
    for _ in range(6):
        stranger.sign_in(email, "a wrong guess", 401)
    lengthen_waits(process)
    answer = stranger.sign_in(email, status=429)
    assert answer["code"] == "too_many_requests"
    assert int(stranger.headers["Retry-After"]) >= 1
    home.sign_in(email)
    # Not even a guess from everywhere locks the owner out of where it was before.
    change(process, "UPDATE sign_in_attempts SET blocked_until = now() + interval '1 h' WHERE succeeded_at IS NULL")
    Browser(app, "198.51.100.99").sign_in(email, status=429)
    home.sign_in(email)
    change(process, "TRUNCATE sign_in_attempts")


def test_a_network_of_its_own_is_one_address(app: TestApp, process: Process, email: str) -> None:
    for number in range(6):
        Browser(app, f"2001:db8:1:2::{number:x}").sign_in(email, "a wrong guess", 401)
    lengthen_waits(process)
    Browser(app, "2001:db8:1:2:ffff::1").sign_in(email, status=429)
    Browser(app, "2001:db8:1:3::1").sign_in(email)


def test_a_session_ends_unused_and_in_any_case(app: TestApp, process: Process, email: str) -> None:
    for column in ("last_used_at = now() - interval '13 h'", "expires_at = now()"):
        browser = Browser(app)
        answer = browser.sign_in(email)
        change(process, f"UPDATE user_sessions SET {column} WHERE id = :id", id=answer["id"])
        browser.call("GET", "/me", status=401)


def test_sessions_are_listed_and_revoked(app: TestApp, email: str) -> None:
    one, two = Browser(app), Browser(app)
    one.sign_in(email)
    two.sign_in(email)
    listed = one.call("GET", "/sessions", status=200)["items"]
    assert [item["current"] for item in listed] == [True, False]
    one.call("DELETE", f"/sessions/{listed[1]['id']}", status=204)
    two.call("GET", "/me", status=401)
    one.call("DELETE", f"/sessions/{listed[1]['id']}", status=404)


def test_a_new_password_ends_the_other_sessions(app: TestApp, email: str) -> None:
    one, two = Browser(app), Browser(app)
    one.sign_in(email)
    two.sign_in(email)
    one.call("PUT", "/me/password", {"password": "short"}, status=422)
    one.call("PUT", "/me/password", {"password": "another long password"}, status=204)
    one.call("GET", "/me", status=200)
    two.call("GET", "/me", status=401)
    two.sign_in(email, status=401)
    two.sign_in(email, "another long password")


def test_a_key_can_t_change_how_its_user_signs_in(owner: Client) -> None:
    owner.put("/me/password", {"password": PASSWORD}, status=403)
    owner.get("/sessions", status=403)
    owner.post("/me/totp", {}, status=403)


def test_power_is_given_away_only_with_the_password(browser: Browser, email: str, process: Process) -> None:
    answer = browser.sign_in(email)
    change(
        process, "UPDATE user_sessions SET authenticated_at = now() - interval '11 min' WHERE id = :id", id=answer["id"]
    )
    app = unique("app")
    browser.call("POST", "/apps", {"slug": app}, status=201)
    user_id = answer["user"]["id"]
    for method, path, body in (
        ("POST", "/api-keys", {"name": "k", "scopes": ["log:read"]}),
        ("PUT", f"/apps/{app}/members/{user_id}", {"role": "viewer"}),
        ("DELETE", f"/apps/{app}/members/{user_id}", None),
        ("POST", "/users", {"email": f"{unique('x')}@example.com"}),
        ("PATCH", f"/users/{user_id}", {"disabled": False}),
        ("PUT", "/me/password", {"password": PASSWORD}),
    ):
        assert browser.call(method, path, body, status=403)["code"] == "reauthentication_required"
    assert browser.call("GET", "/me", status=200)["session"]["fresh"] is False
    browser.call("POST", "/session/reauthenticate", {"password": "not the password"}, status=401)
    browser.call("POST", "/session/reauthenticate", {"password": PASSWORD}, status=204)
    browser.call("POST", "/api-keys", {"name": "k", "scopes": ["log:read"]}, status=201)
    browser.call("PUT", f"/apps/{app}/members/{user_id}", {"role": "viewer"}, status=200)


def test_over_https_the_cookie_is_this_host_s_alone(app: TestApp, email: str) -> None:
    browser = Browser(app, origin="https://localhost")
    browser.sign_in(email)
    cookie = browser.headers["Set-Cookie"]
    assert cookie.startswith("__Host-picloud_session=")
    assert "secure" in cookie.lower()
    token = cookie.partition("=")[2].partition(";")[0]
    browser.app.reset()
    browser.call("GET", "/me", status=401, Cookie=f"picloud_session={token}")
    browser.call("GET", "/me", status=200, Cookie=f"__Host-picloud_session={token}")


ECHOES = """
def handler(ctx):
    names = ["picloud_session", "__Host-picloud_session", "=picloud_session", " PiCloud_session", "theirs"]
    return (200, {"cookie": ctx.event.http.headers.get("cookie")}, {"Set-Cookie": names[int(ctx.event.http.query["n"])] + "=x"})
"""


def test_no_handler_sees_or_sets_a_session_s_cookie(owner: Client, app: TestApp) -> None:
    """Where the handler is told that it can't, it is a 502."""
    slug = owner.new_app()
    owner.script(slug, "echo", ECHOES)
    owner.route(slug, "GET", "/echo", "echo")
    sent = {"Cookie": "picloud_session=a; theirs=b; __Host-picloud_session=c"}
    for number, name in enumerate(["picloud_session", "__Host-", "=", " PiCloud", "theirs"]):
        response = TestApp(app.app).get(f"/run/{slug}/echo?n={number}", headers=sent, status="*")
        if response.status_int == 200:
            assert response.json == {"cookie": "theirs=b"}
        assert ("Set-Cookie" in response.headers) is (name == "theirs")
