"""The match tester says what a call would meet, and a call meets just that."""

from typing import Any

import pytest
from webtest import TestApp

from tests.functional.client import Client

SHOWS = "def handler(ctx):\n    return {'script': ctx.script, 'params': ctx.event.http.params}\n"
ROUTES = {
    "GET /a/{id}": "one",
    "GET /a/new": "literal",
    "ANY /a/{id}": "any",
    "POST /f/{rest...}": "rest",
}


@pytest.fixture(scope="module")
def slug(owner: Client) -> str:
    slug = owner.new_app()
    for route, script in ROUTES.items():
        owner.script(slug, script, SHOWS)
        owner.route(slug, *route.split(), script)
    return slug


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/a/new"),
        ("GET", "/a/7?page=2"),
        ("HEAD", "/a/7"),
        ("DELETE", "/a/7"),
        ("GET", "/a/x%2Fy%20z"),
        ("POST", "/f/deep/er"),
        ("GET", "/f/deep"),
        ("GET", "/nowhere"),
        ("GET", "/a/7/"),
    ],
)
def test_what_the_tester_says_is_what_a_call_meets(
    owner: Client, app: TestApp, slug: str, method: str, path: str
) -> None:
    said = match(owner, slug, method, path)
    address = f"/run/{slug}{path}"
    called = app.request(address, method=method, status="*", environ={"REQUEST_URI": address})
    if said["route"] is None:
        assert called.status_int == (405 if said["methods"] else 404)
    elif method == "HEAD":
        assert called.status_int == 200
    else:
        assert called.json == {"script": said["route"]["script"], "params": said["params"]}


def test_what_can_be_no_call_is_refused(owner: Client, slug: str) -> None:
    owner.get(f"/apps/{slug}/routes/match?method=TRACE&path=/", status=422)
    owner.get(f"/apps/{slug}/routes/match?path=a", status=422)


def match(owner: Client, slug: str, method: str, path: str) -> Any:
    query = path.replace("%", "%25").replace("?", "%3F")
    return owner.get(f"/apps/{slug}/routes/match?method={method}&path={query}")
