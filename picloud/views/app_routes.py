from typing import Any
from urllib.parse import quote

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import invalid
from picloud.domain.kinds import RouteAccess
from picloud.models import Route, Script
from picloud.security.accountability import audit
from picloud.services.apps.routes import RouteService
from picloud.services.code.routing import ANY_METHODS, routed
from picloud.views.api import api, json_body, page_request, page_shape, path_id, query_text, runtime

_AS_SENT = "/%:@!$&'()*+,;=-._~"


class NewRoute(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    path: str
    script: str
    access: RouteAccess = RouteAccess.PUBLIC


class RouteChange(msgspec.Struct, forbid_unknown_fields=True):
    method: str | None = None
    path: str | None = None
    script: str | None = None
    access: RouteAccess | None = None


def shape(pair: tuple[Route, Script]) -> dict[str, Any]:
    route, script = pair
    return {
        "id": route.id,
        "method": route.method,
        "path": route.path,
        "script": script.name,
        "access": route.access,
        "created_at": route.created_at,
    }


@api("app_routes", "GET", Capability.ROUTE_READ)
def index(request: Request) -> dict[str, Any]:
    return page_shape(_routes(request).list(page_request(request)), shape)


@api("app_routes", "POST", Capability.ROUTE_WRITE)
def create(request: Request) -> dict[str, Any]:
    body = json_body(request, NewRoute)
    made = shape(_routes(request).create(body.method, body.path, body.script, body.access))
    audit(request, Action.ROUTE_CREATE, made["id"], after=made)
    request.response.status_int = 201
    return made


@api("app_route_match", "GET", Capability.ROUTE_READ)
def match(request: Request) -> dict[str, Any]:
    """Which route would answer a call, and what it takes from the path. Nothing is run."""
    method = (query_text(request, "method") or "GET").upper()
    path = (query_text(request, "path") or "/").partition("#")[0].partition("?")[0]
    if method not in ANY_METHODS:
        raise invalid("/method", f"has to be one of {', '.join(sorted(ANY_METHODS))}")
    if not path.startswith("/"):
        raise invalid("/path", "has to start with /")
    found = routed(runtime(request).app_codes.by_id(request.context.app.id).routes, method, quote(path, safe=_AS_SENT))
    route = shape(_routes(request).get(found.route.id)) if found.route else None
    return {"route": route, "params": found.params, "methods": sorted(found.methods)}


@api("app_route", "GET", Capability.ROUTE_READ)
def read(request: Request) -> dict[str, Any]:
    return shape(_routes(request).get(path_id(request)))


@api("app_route", "PATCH", Capability.ROUTE_WRITE)
def update(request: Request) -> dict[str, Any]:
    routes = _routes(request)
    route, script = routes.get(path_id(request))
    body, before = json_body(request, RouteChange), shape((route, script))
    changed = shape(routes.update(route, method=body.method, path=body.path, script=body.script, access=body.access))
    audit(request, Action.ROUTE_UPDATE, route.id, before, changed)
    return changed


@api("app_route", "DELETE", Capability.ROUTE_WRITE)
def delete(request: Request) -> Response:
    routes = _routes(request)
    found = routes.get(path_id(request))
    audit(request, Action.ROUTE_DELETE, found[0].id, shape(found))
    routes.delete(found[0])
    return Response(status=204)


def _routes(request: Request) -> RouteService:
    return RouteService(request.db, request.context.app)
