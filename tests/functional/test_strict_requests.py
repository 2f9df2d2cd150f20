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


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer", "said"),
    [
        ("POST", "/routes", {"method": "GET", "path": "/", "script": "it", "access": "x"}, "/access", "key, public"),
        ("POST", "/triggers/cron", {"script": "it", "schedule": "@daily", "missed": "x"}, "/missed", "run_once, skip"),
        (
            "POST",
            "/triggers/kv",
            {"script": "it", "collection_glob": "c", "ops": ["x"]},
            "/ops/0",
            "delete, insert, update",
        ),
        ("POST", "/dead-letters/replay", {"filter": {"nope": 1}}, "/filter/nope", "error_type"),
        ("POST", "/dead-letters/replay", {"filter": {"since": "x"}}, "/filter/since", "2026-11-22T10:00:00Z"),
        ("POST", "/dead-letters/replay", {"a/b~": 1, "filter": {}}, "/a~1b~0", "rate_per_s"),
        ("POST", "/scripts/it/test", {"event": {"kind": "x"}}, "/event/kind", "http, kv"),
        ("POST", "/scripts/it/test", {"event": {"kind": "kv", "kv": {"op": "x"}}}, "/event/kv/op", "insert, update"),
        ("POST", "/scripts/it/test", {"event": {"kind": "kv", "kv": {"x": 1}}}, "/event/kv/x", "op, collection, key"),
        ("PATCH", "", {"isolation": "x"}, "/isolation", "per_event, reuse"),
        ("PATCH", "", {"http_allow": ["a.example", "http://x"]}, "/http_allow/1", "write a name"),
        ("PATCH", "", {"http_allow": ["*"]}, "/http_allow/0", "write a name"),
        ("PUT", "/scripts/it", {"source": "x", "message": "x" * 2_001}, "/message", "at most 2000 characters"),
        ("PUT", "/kv/c/k", {"value": {"a/b": ["\ud800"]}}, "/value/a~1b/0", "surrogate"),
    ],
)
def test_what_would_do_is_told(owner: Client, method: str, path: str, body: Any, pointer: str, said: str) -> None:
    app = owner.new_app()
    owner.script(app, "it", "def handler(ctx):\n    return 1\n")
    [error] = owner.call(method, f"/apps/{app}{path}", body, status=422)["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]


def test_what_would_do_in_a_query_is_told(owner: Client) -> None:
    app = owner.new_app()
    [error] = owner.get(f"/apps/{app}/executions?status=OK", status=422)["errors"]
    assert (error["pointer"], "there is: " in error["detail"], "crash" in error["detail"]) == ("/status", True, True)
    [error] = owner.get(f"/apps/{app}/executions?since=2026-01-01", status=422)["errors"]
    assert error["detail"].endswith("; write it like 2026-11-22T10:00:00Z")


def test_a_dead_letter_trigger_that_could_never_fire_is_refused(owner: Client) -> None:
    app = owner.new_app()
    owner.script(app, "it", "def handler(ctx):\n    return 1\n")
    letters = owner.post(f"/apps/{app}/triggers/dead_letter", {"script": "it"})
    path, own = f"/apps/{app}/triggers/{letters['id']}", {"source_trigger_id": letters["id"]}
    assert pointers(owner.patch(path, own, status=422)) == ["/source_trigger_id"]
    queue = owner.post(f"/apps/{app}/triggers/queue", {"script": "it", "queue": "q"})["id"]
    assert pointers(owner.patch(path, {"source_kind": "kv", "source_trigger_id": queue}, status=422)) == [
        "/source_kind"
    ]
    assert owner.patch(path, {"source_kind": "queue", "source_trigger_id": queue})["source_trigger_id"] == queue
