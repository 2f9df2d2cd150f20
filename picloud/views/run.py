"""Calling a script over HTTP: `/run/{app_slug}/{path}`."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.clock import rfc3339
from picloud.domain.errors import Forbidden, MethodNotAllowed, NotFound, TooLarge, Unauthenticated
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind, RouteAccess
from picloud.services.code.app_code import AppCode, RouteCode
from picloud.services.code.routing import ANY_METHODS, routed
from picloud.services.delivery.call_policy import call_policy
from picloud.services.delivery.outbox import OutboxService
from picloud.services.principals import KEY_PREFIX, Principal, PrincipalService
from picloud.services.runtime import Runtime
from picloud.views.api import path_text, public, runtime
from picloud.views.app_hosts import ON_APP_DOMAIN
from picloud.views.handler_wait import handler_wait
from picloud.views.run_answer import OWN_COOKIE_PREFIXES, answer, queued_answer

OWN_HEADERS = frozenset({"proxy-authorization", "x-csrf-token"})


@public("run", None)
def run(request: Request) -> Response:
    made_of = runtime(request)
    limit = made_of.settings.http_max_body_bytes
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The body is larger than {limit} bytes.")
    made_of.disk.admit()
    code = made_of.app_codes.by_slug(path_text(request, "app_slug"))
    route, params = _route(code, request)
    principal = _caller(request, made_of, code) if route.access == RouteAccess.KEY else None
    http = _http_part(request, params)
    if _prefers_async(request.headers.get("Prefer", "")):
        return _queue(made_of, code, route, http, principal)
    return _run_now(made_of, code, route, http, principal)


def _prefers_async(header: str) -> bool:
    """RFC 7240: a list of preferences, each with parameters."""
    return any(part.partition(";")[0].strip().lower() == "respond-async" for part in header.split(","))


def _route(code: AppCode, request: Request) -> tuple[RouteCode, dict[str, str]]:
    """The route to take and its parameters. Raises NotFound, MethodNotAllowed."""
    if request.method not in ANY_METHODS:
        raise MethodNotAllowed(ANY_METHODS)
    path = _raw_path(request)
    found = routed(code.routes, request.method, path)
    if found.route is not None:
        return found.route, found.params
    if found.methods:
        raise MethodNotAllowed(found.methods)
    raise NotFound(f"The app {code.slug} has no route for {path}.")


def _raw_path(request: Request) -> str:
    """The path below the app, still percent-encoded: an encoded slash is no separator."""
    if ON_APP_DOMAIN in request.environ:
        return str(request.environ[ON_APP_DOMAIN])
    path: str = urlsplit(request.environ.get("REQUEST_URI") or request.path).path
    return "/" + path.removeprefix("/run/").partition("/")[2]


def _caller(request: Request, made_of: Runtime, code: AppCode) -> Principal:
    """Who calls a route that wants a key. Raises Unauthenticated, Forbidden; NotFound for a key bound to another app."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("This route wants an API key: `Authorization: Bearer pic_…`.")
    with made_of.sessions.begin() as session:
        principals = PrincipalService(session)
        principal = principals.by_key(key.strip())
        role = principals.role_in(principal.user_id, code.app_id)
    if principal.app_id not in (None, code.app_id):
        raise NotFound("There is no such app.")
    if not principal.may(Capability.ROUTE_CALL, role):
        raise Forbidden(f"This key may not call routes of the app {code.slug}.")
    return principal


def _http_part(request: Request, params: dict[str, str]) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": _raw_path(request),
        "params": params,
        "query": _query(request),
        "headers": _foreign_headers(request.headers),
        "body_base64": base64.b64encode(request.body).decode(),
        "client_ip": request.client_addr,
    }


def _query(request: Request) -> dict[str, str]:
    """Of parameters with one name the first. In one pass: an address may hold thousands of them."""
    found: dict[str, str] = {}
    for name, value in request.GET.items():
        found.setdefault(name, value)
    return found


def _foreign_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what signs somebody in at PiCloud: no handler sees it, and no record of the call keeps it."""
    found = {name.lower(): value for name, value in headers.items() if name.lower() not in OWN_HEADERS}
    if KEY_PREFIX in found.get("authorization", ""):
        del found["authorization"]
    cookies = (cookie.strip() for cookie in found.pop("cookie", "").split(";"))
    foreign = "; ".join(cookie for cookie in cookies if not cookie.lower().startswith(OWN_COOKIE_PREFIXES))
    return found | ({"cookie": foreign} if foreign else {})


def _queue(
    made_of: Runtime, code: AppCode, route: RouteCode, http: dict[str, Any], principal: Principal | None
) -> Response:
    with made_of.sessions.begin() as session:
        delivery_id = OutboxService(session, backlog_max=made_of.settings.backlog_max).enqueue(
            app_id=code.app_id,
            script_id=route.script_id,
            kind=EventKind.HTTP,
            payload=http,
            policy=call_policy(made_of.settings),
            principal_id=principal.user_id if principal else None,
        )
    return queued_answer(code, delivery_id)


def _run_now(
    made_of: Runtime, code: AppCode, route: RouteCode, http: dict[str, Any], principal: Principal | None
) -> Response:
    event = _event(http, made_of.clock())
    with handler_wait(made_of):
        return answer(made_of.http_runs.run(code, route.script_id, event, principal.email if principal else None))


def _event(http: dict[str, Any], now: datetime) -> dict[str, Any]:
    event_id: UUID = uuid7()
    return {
        "id": str(event_id),
        "kind": EventKind.HTTP,
        "attempt": 1,
        "occurred_at": rfc3339(now),
        "trace_id": str(event_id),
        "depth": 0,
        "http": http,
    }
