"""Who gets in, and who may do what: default-deny, roles, scopes, keys for one app."""

import re

import pytest
from webtest import TestApp

from picloud.domain.access import Scope
from picloud.domain.kinds import AppRole, InstanceRole
from picloud.process import Process
from picloud.views import routes
from tests.functional.client import ADMIN, Client, check_problem, unique
from tests.functional.conftest import make_key

ENDPOINT = "def handler(ctx):\n    return None\n"


def test_without_credentials_everything_but_the_public_routes_is_401(app: TestApp) -> None:
    for pattern in [*routes.INSTANCE_ROUTES.values(), *routes.APP_ROUTES.values(), ADMIN + "/what", "/api/v1/x/y"]:
        path = re.sub(r"\{\w+\}", "anything", pattern)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            response = app.request(path, method=method, status="*", expect_errors=True)
            assert response.status_int == 401, (method, path, response.status)
            check_problem(response)
            assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_public_routes_are_these() -> None:
    open_to_all = {"healthz", "readyz", "openapi", "email_inbound", "email_inbound_other", "run", "tls_ask"}
    open_to_all |= {"session", "setup", "metrics"}
    assert set(routes.PUBLIC_ROUTES) == open_to_all


@pytest.mark.parametrize("header", ["Bearer pic_nothing", "Bearer x", "Bearer ", "Basic YTpi", "pic_x", "Bearer pic_é"])
def test_wrong_credentials_are_401(app: TestApp, header: str) -> None:
    response = app.get(ADMIN + "/me", headers={"Authorization": header}, status=401)
    check_problem(response)


def test_unknown_addresses_and_methods(owner: Client) -> None:
    slug = owner.new_app()
    owner.get("/nothing/here", status=404)
    owner.get(f"/apps/{slug}/nothing", status=404)
    owner.post("/me", {}, status=405)
    owner.delete(f"/apps/{slug}/scripts", status=405)


class Team:
    """An app with one key for each role in it."""

    def __init__(self, owner: Client, app: TestApp, process: Process) -> None:
        self.slug = owner.new_app()
        self.app_id = owner.get(f"/apps/{self.slug}")["id"]
        owner.script(self.slug, "target", ENDPOINT)
        self.emails = {role: f"{unique(role.value)}@example.com" for role in AppRole}
        self.clients = {
            role: Client(app, make_key(process, InstanceRole.MEMBER, email=email))
            for role, email in self.emails.items()
        }
        for role, client in self.clients.items():
            owner.put(f"/apps/{self.slug}/members/{client.get('/me')['id']}", {"role": role.value})


@pytest.fixture(scope="module")
def team(owner: Client, app: TestApp, process: Process) -> Team:
    return Team(owner, app, process)


def test_roles_in_an_app(team: Team) -> None:
    path = f"/apps/{team.slug}"
    for role, script, trigger in (
        (AppRole.VIEWER, 403, 403),
        (AppRole.EDITOR, 201, 403),
        (AppRole.APP_ADMIN, 201, 201),
    ):
        client = team.clients[role]
        client.get(f"{path}/scripts")
        client.get(f"{path}/triggers")
        client.get(f"{path}/executions")
        client.post(f"{path}/scripts", {"name": f"by_{role.value}", "source": ENDPOINT}, status=script)
        client.post(f"{path}/triggers/email", {"script": "target"}, status=trigger)
        client.get("/users", status=403)
        client.post("/apps", {"slug": "never"}, status=403)
        assert [app["slug"] for app in client.get("/apps")["items"]] == [team.slug]
    team.clients[AppRole.EDITOR].delete(path, status=403)
    team.clients[AppRole.VIEWER].put(f"{path}/members/{team.app_id}", {"role": "viewer"}, status=403)


def test_a_role_that_is_taken_away_is_gone_at_once(owner: Client, app: TestApp, process: Process) -> None:
    team = Team(owner, app, process)
    viewer = team.clients[AppRole.VIEWER]
    viewer.get(f"/apps/{team.slug}")
    owner.delete(f"/apps/{team.slug}/members/{viewer.get('/me')['id']}")
    viewer.get(f"/apps/{team.slug}", status=403)
    assert viewer.get("/apps")["items"] == []


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Scope.SCRIPT_READ, {"scripts", "routes"}),
        (Scope.SCRIPT_WRITE, {"scripts", "routes", "new script"}),
        (Scope.ROUTE_WRITE, {"routes"}),
        (Scope.DOMAIN_MANAGE, set()),
        (Scope.LOG_READ, {"executions"}),
        (Scope.APP_ADMIN, {"scripts", "routes", "new script", "executions", "triggers"}),
        (Scope.INSTANCE_ADMIN, {"scripts", "routes", "new script", "executions", "triggers", "users"}),
    ],
)
def test_a_scope_narrows_an_owner_s_key(
    owner: Client, app: TestApp, process: Process, scope: Scope, allowed: set[str]
) -> None:
    slug = owner.new_app()
    client = Client(app, make_key(process, InstanceRole.OWNER, (scope,)))
    probes = {
        "scripts": ("GET", f"/apps/{slug}/scripts", None),
        "routes": ("GET", f"/apps/{slug}/routes", None),
        "executions": ("GET", f"/apps/{slug}/executions", None),
        "triggers": ("GET", f"/apps/{slug}/triggers", None),
        "users": ("GET", "/users", None),
        "new script": ("POST", f"/apps/{slug}/scripts", {"name": "target", "source": ENDPOINT}),
    }
    for name, (method, path, body) in probes.items():
        good = 201 if method == "POST" else 200
        client.call(method, path, body, status=good if name in allowed else 403)


def test_a_key_for_one_app_finds_no_other(owner: Client, app: TestApp, process: Process) -> None:
    mine, other = owner.new_app(), owner.new_app()
    app_id = owner.get(f"/apps/{mine}")["id"]
    bound = Client(app, make_key(process, InstanceRole.OWNER, app_id=app_id))
    bound.get(f"/apps/{mine}")
    bound.get(f"/apps/{other}", status=404)
    bound.get(f"/apps/{other}/triggers", status=404)
    assert [item["slug"] for item in bound.get("/apps")["items"]] == [mine]
    bound.get("/users", status=403)
    bound.post("/api-keys", {"name": "wider", "scopes": ["app:admin"]}, status=403)
    narrower = bound.post("/api-keys", {"name": "same app", "scopes": ["log:read"], "app": mine})
    assert narrower["app"] == app_id


def test_keys_are_shown_once_and_end(owner: Client, app: TestApp) -> None:
    made = owner.post("/api-keys", {"name": "short", "scopes": ["log:read"], "expires_at": "2999-01-01T00:00:00Z"})
    assert made["key"].startswith(made["prefix"])
    listed = next(item for item in owner.get("/api-keys")["items"] if item["id"] == made["id"])
    assert "key" not in listed
    client = Client(app, made["key"])
    client.get("/me")
    owner.delete(f"/api-keys/{made['id']}")
    client.get("/me", status=401)
    owner.post("/api-keys", {"name": "old", "scopes": ["log:read"], "expires_at": "2001-01-01T00:00:00Z"}, status=422)
    owner.post("/api-keys", {"name": "none", "scopes": []}, status=422)


def test_a_key_makes_no_stronger_key(app: TestApp, process: Process) -> None:
    client = Client(app, make_key(process, InstanceRole.OWNER, (Scope.APP_ADMIN,)))
    client.post("/api-keys", {"name": "stronger", "scopes": ["instance:admin"]}, status=403)
    client.post("/api-keys", {"name": "same", "scopes": ["app:admin"]})


def test_a_disabled_user_s_key_stops(owner: Client, app: TestApp, process: Process) -> None:
    client = Client(app, make_key(process, InstanceRole.MEMBER))
    user_id = client.get("/me")["id"]
    assert owner.patch(f"/users/{user_id}", {"disabled": True})["disabled"] is True
    client.get("/me", status=401)
    owner.patch(f"/users/{user_id}", {"disabled": False})
    client.get("/me")
    owner.delete(f"/users/{user_id}")
    client.get("/me", status=401)


def test_users(owner: Client, app: TestApp, process: Process) -> None:
    email = f"{unique('ada')}@example.com"
    made = owner.post("/users", {"email": email, "role": "member", "password": "long enough to be one"})
    assert made["has_password"] is True
    assert "password" not in str({name: value for name, value in made.items() if name != "has_password"})
    owner.post("/users", {"email": email.upper()}, status=409)
    owner.post("/users", {"email": "nobody"}, status=422)
    owner.post("/users", {"email": "a@b", "password": "short"}, status=422)
    admin = Client(app, make_key(process, InstanceRole.ADMIN))
    admin.post("/users", {"email": "x@example.com", "role": "owner"}, status=403)
    admin.patch(f"/users/{owner.get('/me')['id']}", {"role": "member"}, status=403)
    assert owner.get(f"/users/{made['id']}")["email"] == email
