"""Every error of every route is a problem, whatever is sent."""

import json
import re
from typing import Any

import pytest
from webtest import TestApp

from picloud.views.openapi import DOCUMENT
from tests.functional.client import Client, check_problem

PATHS = list(json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"])
JSON = {"Content-Type": "application/json"}
BODIES: list[tuple[bytes, dict[str, str]]] = [
    (b"", {}),
    (b"{", JSON),
    (b"[1]", JSON),
    (b"null", JSON),
    (b"\xff", JSON),
    (b'{"name": "\\u0000"}', JSON),
    (b'{"a": NaN}', JSON),
    (b'{"surprise": 1}', JSON),
    (b"[" * 10_000, JSON),
    (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}),
    (b"{}", JSON | {"Content-Encoding": "gzip"}),
]


def filled(path: str, slug: str) -> str:
    return re.sub(r"\{\w+\}", "nothing", path.replace("{app}", slug).replace("{app_slug}", slug))


@pytest.fixture(scope="module")
def slug(owner: Client) -> str:
    return owner.new_app()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_every_error_is_a_problem(owner: Client, app: TestApp, slug: str, path: str, method: str) -> None:
    if path.endswith("/executions/stream") and method == "GET":
        path += "?status=nothing"  # a stream that is not refused never ends
    if path == "/api/v1/admin/apps/{app}" and method == "DELETE":
        path += "/nothing"
    for body, headers in BODIES if method in ("POST", "PUT", "PATCH") else BODIES[:2]:
        response: Any = app.request(
            filled(path, slug), method=method, body=body, headers=owner.headers | headers, status="*"
        )
        assert response.status_int < 500, (method, path, body[:50], response.text[:500])
        if response.status_int >= 400:
            check_problem(response)
