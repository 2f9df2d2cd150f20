"""Scripts, versions, routes and calls by HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from tests.functional.client import ADMIN, Client, check_problem, eventually
from tests.functional.conftest import make_key

ONE = "def handler(ctx):\n    return {'n': 1}\n"
TWO = "def handler(ctx):\n    return {'n': 2}\n"


@pytest.fixture
def slug(owner: Client) -> str:
    return owner.new_app()


def serve(owner: Client, slug: str, source: str, method: str = "GET", path: str = "/it") -> str:
    """A script behind a route; the address to call."""
    owner.script(slug, "it", source)
    owner.route(slug, method, path, "it")
    return f"/run/{slug}{path}"


def test_versions_and_activation(owner: Client, slug: str, app: TestApp) -> None:
    address = serve(owner, slug, ONE)
    assert app.get(address).json == {"n": 1}
    saved = owner.put(f"/apps/{slug}/scripts/it", {"source": TWO, "message": "two"})
    assert saved["active_version"] == 2
    assert app.get(address).json == {"n": 2}
    owner.post(f"/apps/{slug}/scripts/it/versions/1/activate", status=200)
    assert app.get(address).json == {"n": 1}
    assert owner.get(f"/apps/{slug}/scripts/it")["source"] == ONE
    versions = owner.get(f"/apps/{slug}/scripts/it/versions")["items"]
    assert [(version["number"], version["message"]) for version in versions] == [(2, "two"), (1, None)]
    for missing in ("3", "0", "x", "9" * 40):
        owner.post(f"/apps/{slug}/scripts/it/versions/{missing}/activate", status=404)
    executions = eventually(
        lambda: (found := owner.get(f"/apps/{slug}/executions")["items"]) and len(found) == 3 and found
    )
    assert [execution["version"] for execution in executions] == [1, 2, 1]
    one = owner.get(f"/apps/{slug}/executions/{executions[0]['id']}")
    assert one["kind"] == "http"
    assert one["event"]["http"]["method"] == "GET"


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("def handler(ctx):\n    return (1\n", 2, "syntax"),
        ("def handler(ctx):\n    exec('1')\n", 2, "run as code"),
        ("import os\ndef handler(ctx):\n    return 1\n", 1, "os"),
        ("def handler(ctx):\n    return ctx.__class__\n", 2, "__class__"),
    ],
)
def test_what_the_language_refuses_is_422_with_line_and_column(
    owner: Client, slug: str, source: str, line: int, said: str
) -> None:
    problem = owner.post(f"/apps/{slug}/scripts", {"name": "bad", "source": source}, status=422)
    assert problem["code"] == "script_refused"
    error = problem["errors"][0]
    assert (error["pointer"], error["line"]) == ("/source", line)
    assert error["column"] >= 1
    assert said in error["detail"]
    owner.get(f"/apps/{slug}/scripts/bad", status=404)


def test_a_source_is_checked_without_being_saved(owner: Client, slug: str) -> None:
    good = owner.post(f"/apps/{slug}/check-script", {"source": ONE, "name": "it"}, status=200)
    assert good == {"problems": []}
    bad = owner.post(f"/apps/{slug}/check-script", {"source": "def handler(ctx):\n    exec('1')\n"}, status=200)
    problem = bad["problems"][0]
    assert (problem["line"], problem["column"]) == (2, 5)
    assert problem["hint"]
    module = owner.post(f"/apps/{slug}/check-script", {"source": "X = 1\n", "kind": "module"}, status=200)
    assert module == {"problems": []}
    owner.post(f"/apps/{slug}/check-script", {"source": ONE, "name": "Not a name"}, status=422)
    owner.post(f"/apps/{slug}/check-script", {"source": "#" * 2_000_000}, status=413)
    assert owner.get(f"/apps/{slug}/scripts")["items"] == []


def test_a_version_is_saved_and_activated_later(owner: Client, slug: str, app: TestApp) -> None:
    address = serve(owner, slug, ONE)
    saved = owner.put(f"/apps/{slug}/scripts/it", {"source": TWO, "activate": False})
    assert saved["active_version"] == 1
    assert app.get(address).json == {"n": 1}
    owner.post(f"/apps/{slug}/scripts/it/versions/2/activate", status=200)
    assert app.get(address).json == {"n": 2}


def test_bad_scripts(owner: Client, slug: str) -> None:
    owner.script(slug, "it", ONE)
    path = f"/apps/{slug}/scripts"
    owner.post(path, {"name": "it", "source": ONE}, status=409)
    owner.post(path, {"name": "No Name", "source": ONE}, status=422)
    owner.post(path, {"name": "x", "kind": "daemon", "source": ONE}, status=422)
    owner.post(path, {"name": "x"}, status=422)
    owner.post(path, {"name": "x", "source": "#" * 1_000_001}, status=413)
    owner.post(path, {"name": "x", "source": "nul \x00"}, status=422)


def test_two_routes_for_the_same_calls_are_a_conflict(owner: Client, slug: str) -> None:
    owner.script(slug, "it", ONE)
    first = owner.route(slug, "GET", "/a/{x}", "it")
    other = {"method": "get", "path": "/a/{z}", "script": "it"}
    refused = owner.post(f"/apps/{slug}/routes", other, status=409)
    assert "GET /a/{x} already, which answers the same calls as /a/{z}" in refused["detail"]
    assert refused["route_id"] == first["id"]
    owner.post(f"/apps/{slug}/routes", other | {"path": "/a/{x}"}, status=409)
    for free in ({"method": "POST"}, {"method": "ANY"}, {"path": "/a/{z...}"}, {"path": "/a/z"}):
        owner.post(f"/apps/{slug}/routes", other | free)
    moved = owner.route(slug, "GET", "/b/{z}", "it")
    path = f"/apps/{slug}/routes/{moved['id']}"
    assert owner.patch(path, {"path": "/a/{z}"}, status=409)["route_id"] == first["id"]
    assert owner.patch(path, {"path": "/b/{other}"})["path"] == "/b/{other}"


def test_the_same_route_from_many_at_once_is_made_once(owner: Client, slug: str, app: TestApp) -> None:
    owner.script(slug, "it", ONE)

    def create(number: int) -> int:
        body = {"method": "GET", "path": f"/a/{{p{number}}}", "script": "it"}
        answer = app.post_json(f"{ADMIN}/apps/{slug}/routes", body, headers=owner.headers, status="*")
        status: int = answer.status_int
        return status

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(create, range(12))) == [201] + [409] * 11


@pytest.mark.parametrize("path", ["/a/../b", "/50%", "a", "/a b", "/{x}/{x}", "/{x...}/a"])
def test_a_path_that_no_call_could_match_is_refused(owner: Client, slug: str, path: str) -> None:
    owner.script(slug, "it", ONE)
    refused = owner.post(f"/apps/{slug}/routes", {"method": "GET", "path": path, "script": "it"}, status=422)
    assert refused["errors"][0]["pointer"] == "/path"


def test_a_route_for_head_goes_before_that_for_get(owner: Client, slug: str, app: TestApp) -> None:
    owner.script(slug, "get", ONE)
    owner.script(slug, "head", "def handler(ctx):\n    return ctx.respond(headers={'X-Own': '1'})\n")
    owner.route(slug, "ANY", "/it", "get")
    owner.route(slug, "GET", "/it", "get")
    assert "X-Own" not in app.head(f"/run/{slug}/it").headers
    owner.route(slug, "HEAD", "/it", "head")
    assert app.head(f"/run/{slug}/it").headers["X-Own"] == "1"


def test_a_module_that_is_imported_is_not_deleted(owner: Client, slug: str) -> None:
    owner.script(slug, "tools", "def one():\n    return 1\n", kind="module")
    owner.script(slug, "more", "import tools\n\ndef two():\n    return tools.one() + 1\n", kind="module")
    owner.script(slug, "it", "def handler(ctx):\n    from tools import one\n    return {'n': one()}\n")
    owner.script(slug, "other", "def handler(ctx):\n    # no import of tools\n    return 'tools'\n")
    refused = owner.delete(f"/apps/{slug}/scripts/tools", status=409)
    assert "imported by it, more." in refused["detail"]
    owner.put(f"/apps/{slug}/scripts/it", {"source": ONE})
    owner.delete(f"/apps/{slug}/scripts/more")
    owner.delete(f"/apps/{slug}/scripts/tools")


def test_a_script_in_use_is_not_deleted(owner: Client, slug: str) -> None:
    serve(owner, slug, ONE)
    owner.delete(f"/apps/{slug}/scripts/it", status=409)
    route = owner.get(f"/apps/{slug}/routes")["items"][0]
    owner.delete(f"/apps/{slug}/routes/{route['id']}")
    owner.delete(f"/apps/{slug}/scripts/it")
    owner.get(f"/apps/{slug}/scripts/it", status=404)


def test_modules(owner: Client, slug: str, app: TestApp) -> None:
    owner.script(slug, "helper", "def double(x):\n    return 2 * x\n", "module")
    address = serve(owner, slug, "import helper\ndef handler(ctx):\n    return helper.double(21)\n")
    assert app.get(address).json == 42
    owner.put(f"/apps/{slug}/scripts/helper", {"source": "def double(x):\n    return 3 * x\n"})
    assert app.get(address).json == 63


ECHO = """
def handler(ctx):
    http = ctx.event.http
    return {"method": http.method, "path": http.path, "params": http.params, "query": http.query, "json": http.json,
            "cookie": http.headers.get("cookie")}
"""


def test_what_a_handler_sees_of_a_call(owner: Client, slug: str, app: TestApp) -> None:
    serve(owner, slug, ECHO, "ANY", "/things/{id}/{rest...}")
    address = f"/run/{slug}/things/a%2Fb/c/d?x=1&y=2"
    seen = app.post_json(
        address,
        {"k": [1]},
        headers={"Cookie": "picloud_session=s; theirs=t"},
        extra_environ={"REQUEST_URI": address},
    ).json
    assert seen == {
        "method": "POST",
        "path": "/things/a%2Fb/c/d",
        "params": {"id": "a/b", "rest": "c/d"},
        "query": {"x": "1", "y": "2"},
        "json": {"k": [1]},
        "cookie": "theirs=t",
    }


@pytest.mark.parametrize(
    ("returned", "status", "content_type", "body"),
    [
        ("{'a': 1}", 200, "application/json", b'{"a":1}'),
        ("(201, {'a': 1})", 201, "application/json", b'{"a":1}'),
        ("(418, 'tea', {'X-Pot': 'brown'})", 418, "text/plain", b"tea"),
        ("'text'", 200, "text/plain", b"text"),
        ("b'\\x00\\xff'", 200, "application/octet-stream", b"\x00\xff"),
        ("None", 204, None, b""),
        ("ctx.respond('<p>', status=202, content_type='text/html')", 202, "text/html", b"<p>"),
    ],
)
def test_what_a_handler_may_return(
    owner: Client, slug: str, app: TestApp, returned: str, status: int, content_type: str | None, body: bytes
) -> None:
    address = serve(owner, slug, f"def handler(ctx):\n    return {returned}\n")
    response = app.get(address, status=status)
    assert response.body.replace(b": ", b":") == body
    assert response.content_type == content_type
    assert response.headers["Content-Security-Policy"].startswith("sandbox")
    assert "allow-same-origin" not in response.headers["Content-Security-Policy"]
    assert response.headers.get("X-Pot") == ("brown" if status == 418 else None)


@pytest.mark.parametrize(
    ("body", "status", "code", "recorded"),
    [
        ("raise ValueError('secret detail')", 502, "handler_failed", "error"),
        ("while True: pass", 504, "handler_timeout", "cpu"),
        ("return 'x' * 200_000", 502, "handler_failed", "output"),
        ("return [0] * 10**9", 502, "handler_failed", "memory"),
        ("return object()", 502, "handler_failed", "error"),
        ("return float('nan')", 502, "handler_failed", "error"),
        ("ctx.abort(409, 'not now')", 409, "handler_aborted", "error"),
        ("return (200, 'x', {'Set-Cookie': 'picloud_session=mine'})", 502, "handler_failed", "error"),
    ],
)
def test_a_failing_handler_is_classified_and_the_next_call_is_fine(
    owner: Client, slug: str, app: TestApp, body: str, status: int, code: str, recorded: str
) -> None:
    address = serve(
        owner, slug, f"def handler(ctx):\n    if ctx.event.http.query.get('ok'): return 'fine'\n    {body}\n"
    )
    response = app.get(address, status=status)
    check_problem(response)
    problem = response.json
    assert problem["code"] == code
    assert "Traceback" not in response.text
    assert "secret detail" not in response.text
    assert app.get(address + "?ok=1").text == "fine"
    path = f"/apps/{slug}/executions/{problem['execution_id']}"
    execution = eventually(lambda: _found(owner, path))
    assert execution["status"] == recorded
    assert execution["error"]["type"]


def _found(client: Client, path: str) -> Any:
    response = client.app.get("/api/v1/admin" + path, headers=client.headers, status="*", expect_errors=True)
    return response.json if response.status_int == 200 else None


def test_no_route_no_method_no_app(owner: Client, slug: str, app: TestApp) -> None:
    address = serve(owner, slug, ONE)
    for missing in (
        f"/run/{slug}/other",
        f"/run/{slug}",
        "/run/no-such-app/it",
        "/run/",
        "/run/%00/x",
        f"/run/{slug}/it/",
    ):
        check_problem(app.get(missing, status=404))
    refused = app.post(address, status=405)
    check_problem(refused)
    assert refused.headers["Allow"] == "GET"
    assert app.head(address).status_int == 200


def test_a_route_that_wants_a_key(owner: Client, slug: str, app: TestApp, process: Process) -> None:
    owner.script(slug, "it", "def handler(ctx):\n    return ctx.principal\n")
    owner.route(slug, "GET", "/it", "it", access="key")
    address = f"/run/{slug}/it"
    check_problem(app.get(address, status=401))
    check_problem(app.get(address, headers={"Authorization": "Bearer pic_wrong"}, status=401))
    stranger = Client(app, make_key(process, InstanceRole.MEMBER))
    check_problem(app.get(address, headers=stranger.headers, status=403))
    assert app.get(address, headers=owner.headers).text == owner.get("/me")["email"]


def test_the_more_exact_route_wins(owner: Client, slug: str, app: TestApp) -> None:
    for name in ("exact", "one", "rest"):
        owner.script(slug, name, f"def handler(ctx):\n    return '{name}'\n")
    for path, name in (("/{all...}", "rest"), ("/a/{x}", "one"), ("/a/b", "exact")):
        owner.route(slug, "GET", path, name)
    assert [app.get(f"/run/{slug}{path}").text for path in ("/a/b", "/a/c", "/q/r/s")] == ["exact", "one", "rest"]


@pytest.mark.parametrize("path", ["it", "/a/{x}/{x}", "/{rest...}/more", "/a b", "/{1}", "/" + "x" * 501])
def test_bad_patterns_are_422(owner: Client, slug: str, path: str) -> None:
    owner.script(slug, "it", ONE)
    problem = owner.post(f"/apps/{slug}/routes", {"method": "GET", "path": path, "script": "it"}, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/path"]


def test_routes_can_be_changed(owner: Client, slug: str, app: TestApp) -> None:
    address = serve(owner, slug, ONE)
    owner.script(slug, "other", TWO)
    route = owner.get(f"/apps/{slug}/routes")["items"][0]
    owner.patch(f"/apps/{slug}/routes/{route['id']}", {"script": "other"})
    assert app.get(address).json == {"n": 2}
    owner.post(f"/apps/{slug}/routes", {"method": "GET", "path": "/it", "script": "it"}, status=409)
    owner.delete(f"/apps/{slug}/routes/{route['id']}")
    app.get(address, status=404)


def test_respond_async(owner: Client, slug: str, app: TestApp) -> None:
    address = serve(owner, slug, "def handler(ctx):\n    return ctx.event.http.text\n", "POST")
    answer = app.post(address, "later", headers={"Prefer": "respond-async"}, status=202)
    path = answer.headers["Location"].partition("/api/v1/admin")[2]
    delivery = eventually(lambda: (found := owner.get(path))["state"] == "delivered" and found)
    assert delivery["id"] == answer.json["delivery_id"]
    execution = owner.get(f"/apps/{slug}/executions/{delivery['attempts'][0]['execution_id']}")
    assert execution["kind"] == "http"
    assert execution["status"] == "ok"


def test_a_body_over_10_mib_is_413(owner: Client, slug: str, app: TestApp) -> None:
    address = serve(owner, slug, ONE, "POST")
    check_problem(app.post(address, b"x" * (10 * 1024 * 1024 + 1), status=413))
    check_problem(
        app.post(
            "/api/v1/admin/apps",
            b"x" * (10 * 1024 * 1024 + 1),
            headers=owner.headers | {"Content-Type": "application/json"},
            status=413,
        )
    )
