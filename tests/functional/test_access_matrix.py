"""Every route for every role, every scope and every app: let in exactly where the table says.

What decides (credentials, context, capability) is asked for every cell. Besides, every route is called over HTTP by
everybody in its own app, with a query parameter that no view knows: who is let in gets the 422 for it (or the 404 for an
id that is made up) before anything is changed.
"""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request, apply_request_extensions
from sqlalchemy import text
from sqlalchemy.orm import Session
from webtest import TestApp

from picloud.crypto import csrf_token
from picloud.domain.access import Capability, Scope, covers, grants
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import AppRole, InstanceRole
from picloud.models import AppMember
from picloud.openapi.served import Served, served
from picloud.process import Process
from picloud.security.contexts import app_context, instance_context
from picloud.services.people.api_keys import ApiKeyService
from picloud.services.people.user_sessions import Browser, UserSessionService
from picloud.services.people.users import UserService
from tests.functional.client import Client, unique

MADE_UP = "01a00000-0000-7000-8000-000000000000"
APP_PREFIX = "/api/v1/admin/apps/{app}"
OWN, OTHER, NONE = "own app", "other app", "no app"
FOR_MEMBERS = {capability for capability in Capability if capability.startswith("self.")}
"""What concerns only the one who asks: open to keys for one app, too."""

ROLES: dict[str, tuple[InstanceRole, AppRole | None]] = {
    "owner": (InstanceRole.OWNER, None),
    "admin": (InstanceRole.ADMIN, None),
    "app_admin": (InstanceRole.MEMBER, AppRole.APP_ADMIN),
    "editor": (InstanceRole.MEMBER, AppRole.EDITOR),
    "viewer": (InstanceRole.MEMBER, AppRole.VIEWER),
    "member": (InstanceRole.MEMBER, None),
}


@dataclass(frozen=True)
class Caller:
    """`scope` None: a session. `bound`: the key is for the own app alone. `valid`: it lets anybody in at all."""

    name: str
    role: InstanceRole
    app_role: AppRole | None
    scope: Scope | None
    headers: dict[str, str]
    bound: bool = False
    valid: bool = True

    def may(self, capability: Capability, app_role: AppRole | None) -> bool:
        by_scope = self.scope is None or covers(frozenset({self.scope}), capability)
        return by_scope and grants(capability, self.role, app_role)


@dataclass(frozen=True)
class Apps:
    own: UUID
    other: UUID

    def reference(self, target: str) -> str:
        return {OWN: str(self.own), OTHER: str(self.other), NONE: MADE_UP}[target]


def expected(caller: Caller, what: Served, target: str) -> int:
    """The status by the contract; 0: let in."""
    assert what.capability is not None
    if not caller.valid:
        return 401
    if what.path.startswith(APP_PREFIX):
        if target == NONE or (caller.bound and target == OTHER):
            return 404
        return 0 if caller.may(what.capability, caller.app_role if target == OWN else None) else 403
    by_binding = not caller.bound or what.capability in FOR_MEMBERS
    return 0 if by_binding and caller.may(what.capability, None) else 403


@pytest.fixture(scope="module")
def apps(owner: Client) -> Apps:
    return Apps(*(UUID(owner.get(f"/apps/{owner.new_app()}")["id"]) for _ in range(2)))


def callers(session: Session, name: str, apps: Apps) -> Iterator[Caller]:
    """Everybody with this role: a session, and a key for each scope, for all apps and for the own one."""
    role, app_role = ROLES[name]
    user = UserService(session).create(f"{unique(name)}@example.com", role)
    if app_role is not None:
        session.add(AppMember(app_id=apps.own, user_id=user.id, role=app_role))
    _, token = UserSessionService(session).create(user.id, Browser("192.0.2.5"), 600)
    cookie = {"HTTP_COOKIE": f"picloud_session={token}", "HTTP_X_CSRF_TOKEN": csrf_token(token)}
    yield Caller(f"{name}, session", role, app_role, None, cookie | {"HTTP_ORIGIN": "http://localhost"})
    keys = ApiKeyService(session)
    for scope in Scope:
        for bound in (False, True):
            _, key = keys.create(user.id, "k", [scope], app_id=apps.own if bound else None)
            kind = f"{name}, {scope}{', bound' if bound else ''}"
            yield Caller(kind, role, app_role, scope, bearer(key), bound)


def refused(session: Session, apps: Apps) -> Iterator[Caller]:
    """Those that are let in nowhere."""
    users, keys = UserService(session), ApiKeyService(session)
    owner = users.create(f"{unique('late')}@example.com", InstanceRole.OWNER)
    _, expired = keys.create(owner.id, "k", [Scope.INSTANCE_ADMIN], expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    gone = users.create(f"{unique('gone')}@example.com", InstanceRole.OWNER)
    _, disabled = keys.create(gone.id, "k", [Scope.INSTANCE_ADMIN])
    _, token = UserSessionService(session).create(gone.id, Browser("192.0.2.5"), 600)
    gone.disabled_at = datetime.now(UTC)
    headers = {
        "nobody": {},
        "expired key": bearer(expired),
        "disabled user's key": bearer(disabled),
        "disabled user's session": {"HTTP_COOKIE": f"picloud_session={token}"},
        "made-up key": bearer("pic_made_up"),
        "made-up session": {"HTTP_COOKIE": "picloud_session=pics_made_up"},
    }
    for name, sent in headers.items():
        yield Caller(name, InstanceRole.OWNER, None, Scope.INSTANCE_ADMIN, sent, valid=False)


def bearer(key: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {key}"}


def answer(app: TestApp, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and detail; without WebTest, which would take longer than what is tested."""
    status = []
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "nobody_knows_this=1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.5",
        "CONTENT_LENGTH": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    } | headers
    body = b"".join(app.app(environ, lambda line, headers, error=None: status.append(line)))
    return int(status[0][:3]), json.loads(body)["detail"]


def differs(want: int, status: int, detail: str) -> bool:
    no_app = status == 404 and detail == "There is no such app."
    if want == 0:
        return status not in (404, 422) or no_app
    return status != want or (want == 404 and not no_app)


def asked() -> list[tuple[str, Served]]:
    """Every method of every route that is not open to anybody."""
    return [(method, what) for (_, method), what in served().items() if what.capability is not None]


def asking(app: TestApp, session: Session, caller: Caller) -> Request:
    """A request as it is when a context is made for it: with credentials and a database."""
    request = Request.blank("/", headers={}, environ=caller.headers | {"HTTP_HOST": "localhost"})
    request.registry = app.app.registry
    apply_request_extensions(request)
    request.db = session
    return request


def decided(
    request: Request, make_context: Callable[[Request], object], capabilities: set[Capability]
) -> dict[Capability, int]:
    """For each capability the status that the request ends with; 0: let in."""
    try:
        context = make_context(request)
    except PicloudError as error:
        return dict.fromkeys(capabilities, error.status)
    policy = request.registry.getUtility(ISecurityPolicy)
    return {one: 0 if policy.permits(request, context, one) else 403 for one in capabilities}


def cells(app: TestApp, process: Process, everybody: list[Caller], apps: Apps) -> tuple[int, list[str]]:
    """How many were tried, and what is not as the table says."""
    tried, wrong, routes = 0, [], asked()
    capabilities = {what.capability for _, what in routes if what.capability is not None}
    for caller in everybody:
        with process.runtime.sessions() as session:
            request = asking(app, session, caller)
            found = {None: decided(request, instance_context, capabilities)}
            for target in (OWN, OTHER, NONE):
                request.matchdict = {"app": apps.reference(target)}
                found[target] = decided(request, app_context, capabilities)
        for method, what in routes:
            for target in (OWN, OTHER, NONE) if what.path.startswith(APP_PREFIX) else (None,):
                tried += 1
                want, status = expected(caller, what, target or NONE), found[target][what.capability]
                if status != want:
                    wrong.append(f"{caller.name}: {method} {what.path} in {target}: {status}, not {want}")
    return tried, wrong


def calls(app: TestApp, everybody: list[Caller], apps: Apps, target: str) -> tuple[int, list[str]]:
    """As `cells`, over HTTP."""
    tried, wrong = 0, []
    for method, what in asked():
        path = what.path.replace("{app}", apps.reference(target)).replace("{kind}", "email")
        path = re.sub(r"\{\w+\}", MADE_UP, path)
        for caller in everybody:
            tried += 1
            want, (status, detail) = expected(caller, what, target), answer(app, method, path, caller.headers)
            if differs(want, status, detail):
                wrong.append(f"{caller.name}: {method} {path}: {status} {detail}, not {want}")
    return tried, wrong


@pytest.fixture(scope="module")
def everybody(process: Process, apps: Apps) -> list[Caller]:
    with process.runtime.sessions.begin() as session:
        named = [caller for name in ROLES for caller in callers(session, name, apps)]
        return [*named, *refused(session, apps)]


def test_everybody_is_let_in_exactly_where_the_table_says(
    app: TestApp, process: Process, everybody: list[Caller], apps: Apps, capsys: pytest.CaptureFixture[str]
) -> None:
    tried, wrong = cells(app, process, everybody, apps)
    with capsys.disabled():
        print(f"\nroutes, roles, scopes and apps: {tried} cells, {len(wrong)} differences")
    assert wrong == []
    assert tried > 10_000


@pytest.mark.parametrize("target", [OWN, OTHER, NONE])
def test_over_http_it_is_the_same(target: str, app: TestApp, everybody: list[Caller], apps: Apps) -> None:
    """In the own app every role; else some."""
    some = {
        OWN: lambda one: one.scope is None or one.name in ("editor, app:admin", "nobody", "expired key"),
        OTHER: lambda one: one.name in ("app_admin, session", "owner, app:admin, bound"),
        NONE: lambda one: one.name == "owner, session",
    }[target]
    tried, wrong = calls(app, [one for one in everybody if some(one)], apps, target)
    assert wrong == []
    assert tried >= len(asked())


def test_nothing_was_changed(process: Process, apps: Apps) -> None:
    """The trick of the query parameter holds: both apps are still there, and nothing was done."""
    query = text("SELECT count(*) FROM audit_events WHERE target = ANY(:targets)")
    with process.engine.connect() as connection:
        targets = [str(apps.own), str(apps.other), MADE_UP]
        assert connection.execute(query, {"targets": targets}).scalar_one() == 2
