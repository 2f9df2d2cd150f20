"""What the API does not know it refuses, and names: fields of a body, parameters of a query."""

from typing import Any

import pytest
from webtest import TestApp

from tests.functional.client import ADMIN, Client, check_problem, unique


def pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in answer["errors"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/apps", {"slug": "app", "colour": "red"}),
        ("/users", {"email": "a@example.com", "colour": "red"}),
        ("/api-keys", {"name": "key", "scopes": ["log:read"], "colour": "red"}),
    ],
)
def test_an_unknown_field_is_named(owner: Client, path: str, body: dict[str, Any]) -> None:
    assert pointers(owner.post(path, body, status=422)) == ["/colour"]


def test_an_unknown_field_of_a_trigger_is_named(owner: Client) -> None:
    app = owner.new_app()
    owner.script(app, "work", "def handler(ctx):\n    return None\n")
    body = {"script": "work", "queue": "jobs", "max_atempts": 3}
    assert pointers(owner.post(f"/apps/{app}/triggers/queue", body, status=422)) == ["/max_atempts"]
    assert owner.get(f"/apps/{app}/triggers")["items"] == []


def test_an_unknown_query_parameter_is_named(owner: Client) -> None:
    app = owner.new_app()
    assert pointers(owner.get(f"/apps/{app}/executions?statu=ok", status=422)) == ["/statu"]
    assert pointers(owner.get(f"/apps/{app}?expand=all", status=422)) == ["/expand"]
    assert pointers(owner.get("/apps?b=1&a=2", status=422)) == ["/a", "/b"]


def test_what_there_is_instead_is_told(owner: Client) -> None:
    app = owner.new_app()
    [error] = owner.post("/apps", {"slug": "app", "colour": "red"}, status=422)["errors"]
    assert error["detail"].endswith("; there is: slug, name")
    [error] = owner.get(f"/apps/{app}/kv?q=1", status=422)["errors"]
    assert error["detail"].endswith("; there is: after, limit")
    [error] = owner.get(f"/apps/{app}?q=1", status=422)["errors"]
    assert error["detail"].endswith(", which has none")
    [error] = owner.patch(f"/apps/{app}", {"limits": {"cpu": 1}}, status=422)["errors"]
    assert (error["pointer"], "cpu_ms" in error["detail"]) == ("/limits/cpu", True)


@pytest.mark.parametrize(
    "path", ["executions?script=", "deliveries?script=", "dead-letters?error_type=", "dead-letters?error_contains="]
)
def test_an_empty_filter_does_not_list_everything(owner: Client, path: str) -> None:
    app = owner.new_app()
    refused = owner.get(f"/apps/{app}/{path}", status=422)
    assert pointers(refused) == [f"/{path.partition('?')[2].rstrip('=')}"]
    owner.get("/audit-events?app=", status=422)


def test_a_body_s_fields_count_once(owner: Client, app: TestApp) -> None:
    headers = owner.headers | {"Content-Type": "application/json"}
    check_problem(app.post(f"{ADMIN}/apps", b'{"slug": "a", "slug": "b"}', headers=headers, status=400))


def test_nothing_is_changed_by_a_request_with_an_unknown_query_parameter(owner: Client) -> None:
    slug = unique("strict")
    owner.post("/apps?dry_run=1", {"slug": slug, "name": "An app"}, status=422)
    owner.get(f"/apps/{slug}", status=404)


def test_a_query_parameter_counts_once(owner: Client) -> None:
    app = owner.new_app()
    assert pointers(owner.get(f"/apps/{app}/executions?status=ok&status=error", status=422)) == ["/status"]


def test_every_list_has_pages(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()
    for name in ("a", "b", "c"):
        owner.put(f"/apps/{slug}/kv/{name}/key", {"value": 1})
    first = owner.get(f"/apps/{slug}/kv?limit=2")
    assert [item["collection"] for item in first["items"]] == ["a", "b"]
    rest = owner.get(f"/apps/{slug}/kv?limit=2&after={first['next']}")
    assert ([item["collection"] for item in rest["items"]], rest["next"]) == (["c"], None)


def test_an_unknown_address_stays_unknown_whatever_the_query(owner: Client, app: TestApp) -> None:
    response = app.post(ADMIN + "/nothing?a=1", headers=owner.headers, status=404)
    check_problem(response)


@pytest.mark.parametrize("query", ["status=", "until=", "version=", "limit=", "until=0.5"])
def test_a_filter_that_is_none(owner: Client, query: str) -> None:
    app = owner.new_app()
    assert pointers(owner.get(f"/apps/{app}/executions?{query}", status=422)) == [f"/{query.partition('=')[0]}"]
