"""Signing in with a second factor: enrolled, confirmed, used once, recovered, removed."""

import base64

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.domain.totp import code, step_of
from picloud.process import Process
from tests.functional.client import Client, unique
from tests.functional.test_sign_in import PASSWORD, Browser, lengthen_waits


@pytest.fixture
def email(owner: Client) -> str:
    address = f"{unique('totp')}@example.com"
    owner.post("/users", {"email": address, "role": "member", "password": PASSWORD})
    return address


def codes(process: Process, secret: str) -> list[str]:
    """Of the present step and the next, which counts as well: no test waits for half a minute."""
    with process.engine.connect() as connection:
        now = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return [code(base64.b32decode(secret), step_of(now) + ahead) for ahead in (0, 1)]


def test_a_second_factor_s_life(app: TestApp, process: Process, email: str) -> None:
    one, other = Browser(app, "192.0.2.31"), Browser(app, "192.0.2.31")
    one.sign_in(email)
    enrolment = one.call("POST", "/me/totp", status=201)
    assert enrolment["otpauth_uri"].endswith("&issuer=PiCloud")
    other.sign_in(email)  # not confirmed: it doesn't count yet
    now, later = codes(process, enrolment["secret"])
    one.call("POST", "/me/totp/confirm", {"code": "000000" if now != "000000" else "111111"}, status=422)
    recovery = one.call("POST", "/me/totp/confirm", {"code": now}, status=200)["recovery_codes"]
    one.call("POST", "/me/totp", status=409)
    one.call("POST", "/me/totp/confirm", {"code": later}, status=409)

    assert other.sign_in(email, status=401)["code"] == "totp_required"
    assert other.sign_in(email, status=401, totp=now)["code"] == "wrong_credentials"  # used already
    other.sign_in(email, totp=later)
    other.sign_in(email, status=401, totp=later)
    other.sign_in(email, totp=recovery[0])
    other.sign_in(email, status=401, totp=recovery[0])
    other.sign_in(email, "not the password", status=401, totp=recovery[1])
    other.sign_in(email, totp=recovery[1])
    one.call("POST", "/session/reauthenticate", {"password": PASSWORD}, status=401)
    one.call("POST", "/session/reauthenticate", {"password": PASSWORD, "totp": recovery[2]}, status=204)
    one.call("DELETE", "/me/totp", status=204)
    one.call("DELETE", "/me/totp", status=404)
    other.sign_in(email)


def test_without_a_code_nobody_is_known_and_nothing_is_reset(app: TestApp, process: Process, email: str) -> None:
    """Or else who has the password could try all codes, by an attempt without one in between."""
    home, thief = Browser(app, "192.0.2.32"), Browser(app, "192.0.2.33")
    home.sign_in(email)
    secret = home.call("POST", "/me/totp", status=201)["secret"]
    home.call("POST", "/me/totp/confirm", {"code": codes(process, secret)[0]}, status=200)
    for _ in range(6):
        thief.sign_in(email, status=401)
        thief.sign_in(email, status=401, totp="not a code")
    lengthen_waits(process)
    assert thief.sign_in(email, status=429)["code"] == "too_many_requests"


def test_neither_secret_nor_recovery_codes_are_in_the_database(app: TestApp, process: Process, email: str) -> None:
    browser = Browser(app, "192.0.2.34")
    browser.sign_in(email)
    secret = browser.call("POST", "/me/totp", status=201)["secret"]
    recovery = browser.call("POST", "/me/totp/confirm", {"code": codes(process, secret)[0]}, status=200)
    with process.engine.connect() as connection:
        rows = str(connection.execute(text("SELECT user_totp::text FROM user_totp")).scalars().all())
    assert secret not in rows
    assert base64.b32decode(secret).hex() not in rows
    assert not [one for one in recovery["recovery_codes"] if one in rows or one.encode().hex() in rows]
