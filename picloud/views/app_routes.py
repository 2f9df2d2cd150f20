from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.kinds import RouteAccess
from picloud.models import Route, Script
from picloud.services.routes import RouteService
from picloud.views.api import api, json_body, page_request, page_shape, path_id


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
    made = _routes(request).create(body.method, body.path, body.script, body.access)
    request.response.status_int = 201
    return shape(made)


@api("app_route", "GET", Capability.ROUTE_READ)
def read(request: Request) -> dict[str, Any]:
    return shape(_routes(request).get(path_id(request)))


@api("app_route", "PATCH", Capability.ROUTE_WRITE)
def update(request: Request) -> dict[str, Any]:
    routes = _routes(request)
    route, _ = routes.get(path_id(request))
    body = json_body(request, RouteChange)
    return shape(routes.update(route, method=body.method, path=body.path, script=body.script, access=body.access))


@api("app_route", "DELETE", Capability.ROUTE_WRITE)
def delete(request: Request) -> Response:
    routes = _routes(request)
    routes.delete(routes.get(path_id(request))[0])
    return Response(status=204)


def _routes(request: Request) -> RouteService:
    return RouteService(request.db, request.context.app)
