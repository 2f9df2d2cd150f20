"""ETag and If-Match: nobody overwrites what somebody else has changed meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from webtest import TestApp

from tests.functional.client import ADMIN, Client, check_problem

HANDLER = "def handler(ctx):\n    return {}\n"  # formatted with a number


class Guarded:
    """One thing of each sort that has a tag: where it is, and a change of it."""

    def __init__(self, owner: Client) -> None:
        slug = owner.new_app()
        owner.script(slug, "work", HANDLER.format(0))
        route = owner.route(slug, "GET", "/a", "work")
        body = {"script": "work", "schedule": "0 0 1 1 *"}
        trigger = owner.post(f"/apps/{slug}/triggers/cron", body)
        owner.put(f"/apps/{slug}/kv/box/a", {"value": 0})
        at = f"/apps/{slug}"
        self.things: dict[str, tuple[str, str, Any]] = {
            "app": (at, "PATCH", lambda n: {"name": f"name {n}"}),
            "script": (f"{at}/scripts/work", "PUT", lambda n: {"source": HANDLER.format(n)}),
            "route": (f"{at}/routes/{route['id']}", "PATCH", lambda n: {"path": f"/a{n}"}),
            "trigger": (f"{at}/triggers/{trigger['id']}", "PATCH", lambda n: {"max_attempts": n}),
            "kv": (f"{at}/kv/box/a", "PUT", lambda n: {"value": n}),
        }


@pytest.fixture
def guarded(owner: Client) -> Guarded:
    return Guarded(owner)


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    app: TestApp = client.app
    sent = client.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return app.request(ADMIN + path, method=method, headers=sent, status="*")
    return getattr(app, f"{method.lower()}_json")(ADMIN + path, body, headers=sent, status="*")


@pytest.mark.parametrize("name", ["app", "script", "route", "trigger", "kv"])
def test_a_change_on_what_was_read_is_made_once(owner: Client, guarded: Guarded, name: str) -> None:
    path, method, change = guarded.things[name]
    tag = send(owner, "GET", path).headers["ETag"]
    assert send(owner, "GET", path).headers["ETag"] == tag
    first = send(owner, method, path, change(2), If_Match=tag)
    assert first.status_int == 200
    assert first.headers["ETag"] == send(owner, "GET", path).headers["ETag"] != tag
    second = send(owner, method, path, change(3), If_Match=tag)
    assert second.status_int == 412
    check_problem(second)
    assert send(owner, "DELETE", path, If_Match=tag).status_int == 412
    assert send(owner, method, path, change(3)).status_int == 200, "without If-Match a change is made as it comes"
    newest = send(owner, "GET", path).headers["ETag"]
    if name != "script":  # which is in use
        assert send(owner, "DELETE", path, If_Match=f'"other", {newest}').status_int == 204


def test_it_is_told_who_changed_it(owner: Client, guarded: Guarded) -> None:
    path, method, change = guarded.things["app"]
    tag = send(owner, "GET", path).headers["ETag"]
    send(owner, method, path, change(2))
    refused = send(owner, method, path, change(3), If_Match=tag).json
    assert refused["changed_by"] == owner.get("/me")["email"]
    assert refused["changed_at"].endswith("Z")


def test_any_state_will_do(owner: Client, guarded: Guarded) -> None:
    path, method, change = guarded.things["kv"]
    assert send(owner, method, path, change(5), If_Match="*").status_int == 200
    assert send(owner, method, path + "-missing", change(5), If_Match="*").status_int == 412
    assert send(owner, "DELETE", path + "-missing", If_Match="*").status_int == 404


def test_a_weak_tag_matches_nothing(owner: Client, guarded: Guarded) -> None:
    path, method, change = guarded.things["kv"]
    tag = send(owner, "GET", path).headers["ETag"]
    assert send(owner, method, path, change(5), If_Match=f"W/{tag}").status_int == 412


def test_an_entry_is_made_only_if_there_is_none(owner: Client, guarded: Guarded) -> None:
    path, method, change = guarded.things["kv"]
    assert send(owner, method, path, change(5), If_None_Match="*").status_int == 412
    assert send(owner, method, path + "-new", change(5), If_None_Match="*").status_int == 200


def test_of_many_changes_at_once_one_is_made(owner: Client, guarded: Guarded) -> None:
    path, method, change = guarded.things["script"]
    tag = send(owner, "GET", path).headers["ETag"]
    before = owner.get(path)["active_version"]
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda n: send(owner, method, path, change(n), If_Match=tag).status_int, range(2, 6))
    assert sorted(answers) == [200, 412, 412, 412]
    assert owner.get(path)["active_version"] == before + 1
