"""A browser without scripts: forms, links, cookies."""

from typing import Any

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp, TestResponse

from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from picloud.services.people.users import UserService
from tests.functional.client import unique

PASSWORD = "correct horse battery staple"
SAYS = {"HTTP_ORIGIN": "http://localhost", "HTTP_ACCEPT": "text/html"}
"""What browsers say of themselves."""


@pytest.fixture(scope="module")
def email(process: Process) -> str:
    email = f"{unique('admin')}@example.com"
    with Session(process.engine) as session, session.begin():
        UserService(session).create(email, InstanceRole.OWNER, PASSWORD)
    return email


@pytest.fixture
def browser(app: TestApp) -> TestApp:
    """Cookies of its own; names its origin as browsers do."""
    return TestApp(app.app, extra_environ=SAYS)


@pytest.fixture
def signed_in(browser: TestApp, email: str) -> TestApp:
    form = browser.get("/sign-in").form
    form["email"], form["password"] = email, PASSWORD
    form.submit(status=303)
    return browser


def form_to(page: TestResponse, end: str) -> Any:
    """The form whose address ends so; without one of its own a form goes to its page."""

    def action(form: Any) -> str:
        return (form.action or page.request.path).partition("#")[0]

    found = [form for form in page.forms.values() if action(form).endswith(end) and form.method.upper() == "POST"]
    assert found, (end, [action(form) for form in page.forms.values()])
    return found[0]


def said(page: TestResponse) -> str:
    """What the page's error says."""
    alert = page.html.find(class_="notice", attrs={"role": "alert"})
    assert alert, page.html.main.text
    return str(alert.text)
