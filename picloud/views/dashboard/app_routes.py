"""The routes of an app."""

import shlex
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import select

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import RouteAccess, ScriptKind
from picloud.models import Script
from picloud.views import app_routes
from picloud.views.api import runtime
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "*")


@page("page_routes", "GET", Capability.ROUTE_READ)
def index(request: Request) -> Response:
    return _draw(request, {"script": request.GET.get("script", "")})


@page("page_routes", "POST", Capability.ROUTE_WRITE)
def create(request: Request) -> Response:
    form = given(request, "method", "path", "script", "access")
    error = tried(request, app_routes.create, {"path": "", "script": ""} | form)
    return _draw(request, form, error) if error else _see(request)


@page("page_route", "POST", Capability.ROUTE_WRITE)
def change(request: Request) -> Response:
    error = tried(request, app_routes.update, given(request, "method", "path", "script", "access"))
    return _draw(request, {}, error) if error else _see(request)


@page("page_delete_route", "POST", Capability.ROUTE_WRITE)
def delete(request: Request) -> Response:
    error = tried(request, app_routes.delete)
    return _draw(request, {}, error) if error else _see(request)


def _see(request: Request) -> Response:
    return see(request, "page_routes", app=request.context.app.slug)


def _draw(request: Request, form: dict[str, str], error: PicloudError | None = None) -> Response:
    app_id = request.context.app.id
    endpoints = select(Script.name).where(Script.app_id == app_id, Script.kind == ScriptKind.ENDPOINT)
    found = app_routes.index(request)
    return draw(
        request,
        "routes",
        error.status if error else 200,
        found=found,
        curls=[_curl(request, route) for route in found["items"]],
        form=form,
        error=error,
        scripts=request.db.scalars(endpoints.order_by(Script.name)).all(),
        methods=METHODS,
        accesses=list(RouteAccess),
    )


def _curl(request: Request, route: dict[str, Any]) -> str:
    """A call of the route."""
    base = runtime(request).settings.public_url.rstrip("/") or request.host_url
    method = "GET" if route["method"] == "*" else route["method"]
    key = ' -H "Authorization: Bearer $PICLOUD_KEY"' if route["access"] == RouteAccess.KEY else ""
    return f"curl -X {method}{key} {shlex.quote(base + '/run/' + request.context.app.slug + route['path'])}"
