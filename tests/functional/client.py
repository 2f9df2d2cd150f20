"""A client of the admin API, as a person would write one."""

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from webtest import TestApp

from tests.functional.conformance import check_conforms
from tests.pace import PATIENCE

_numbers = itertools.count(1)

ADMIN = "/api/v1/admin"


def unique(stem: str) -> str:
    """A name that no other test of this process uses."""
    return f"{stem}-{next(_numbers)}"


class Client:
    """Sends JSON with one API key; every method gives the decoded answer and checks its status."""

    def __init__(self, app: TestApp, key: str | None) -> None:
        self.app = app
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def call(self, method: str, path: str, body: Any = None, *, status: int) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        headers = self.headers | ({"Content-Type": "application/json"} if body is not None else {})
        response = self.app.request(
            ADMIN + path, method=method, body=raw, headers=headers, status="*", expect_errors=True
        )
        assert response.status_int == status, (method, path, response.status, response.text[:2000])
        if status >= 400:
            check_problem(response)
        answer = response.json if response.body else None
        check_conforms(method, ADMIN + path, status, answer)
        return answer

    def get(self, path: str, status: int = 200) -> Any:
        return self.call("GET", path, status=status)

    def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        return self.call("POST", path, body, status=status)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self.call("PUT", path, body, status=status)

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return self.call("PATCH", path, body, status=status)

    def delete(self, path: str, status: int = 204) -> Any:
        return self.call("DELETE", path, status=status)

    def all(self, path: str) -> list[Any]:
        """The items of all pages: other tests may have made many."""
        found, after = [], ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=200{after}")
            found += page["items"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    def new_app(self) -> str:
        """The slug of a new app."""
        slug: str = self.post("/apps", {"slug": unique("app"), "name": "An app"})["slug"]
        return slug

    def script(self, app: str, name: str, source: str, kind: str = "endpoint") -> Any:
        return self.post(f"/apps/{app}/scripts", {"name": name, "kind": kind, "source": source})

    def route(self, app: str, method: str, path: str, script: str, access: str = "public") -> Any:
        body = {"method": method, "path": path, "script": script, "access": access}
        return self.post(f"/apps/{app}/routes", body)

    def email_trigger(self, app: str, script: str, **fields: Any) -> Any:
        return self.post(f"/apps/{app}/triggers/email", {"script": script, **fields})


def check_problem(response: Any) -> None:
    """Every error has the one shape of RFC 9457."""
    assert response.content_type == "application/problem+json", response.headers
    body = response.json
    assert body["status"] == response.status_int
    assert body["type"] == f"urn:picloud:problem:{body['code']}"
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == response.headers["X-Request-Id"]
    for error in body.get("errors", ()):
        assert {"pointer", "detail"} <= set(error)


def eventually(find: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """What `find` gives as soon as it is true. Only a failure waits as long as `timeout_s`."""
    deadline = time.monotonic() + timeout_s * PATIENCE
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found
