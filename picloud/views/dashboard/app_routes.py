"""The routes of an app: the list with its match tester, and a page for each."""

import re
import shlex
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import select

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError, PreconditionFailed
from picloud.domain.kinds import RouteAccess, ScriptKind
from picloud.models import AppDomain, Route, Script
from picloud.views import app_routes
from picloud.views.api import path_id, runtime
from picloud.views.dashboard.guard import differences, unless_changed
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, outcome, tried
from picloud.views.entity_tags import entity_tag

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY")
FIELDS = ("method", "path", "script", "access")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PARAMETER = re.compile(r"\{(\w+)(?:\.\.\.)?\}")


@page("page_routes", "GET", Capability.ROUTE_READ)
def index(request: Request) -> Response:
    return _draw(request, {"script": request.GET.get("script", "")})


@page("page_routes", "POST", Capability.ROUTE_WRITE)
def create(request: Request) -> Response:
    form = given(request, *FIELDS)
    error = tried(request, app_routes.create, {"path": "", "script": ""} | form)
    return _draw(request, form, error) if error else _see(request)


@page("page_route", "GET", Capability.ROUTE_READ)
def show(request: Request) -> Response:
    return _draw_one(request, {})


@page("page_route", "POST", Capability.ROUTE_WRITE)
def change(request: Request) -> Response:
    form = given(request, *FIELDS)
    row = select(Route.id).where(Route.app_id == request.context.app.id, Route.id == path_id(request))
    tag = given(request, "if_match").get("if_match", "")
    error = tried(request, unless_changed(app_routes.read, app_routes.update, row, tag), form)
    return _draw_one(request, form, error) if error else _see(request)


@page("page_delete_route", "POST", Capability.ROUTE_WRITE)
def delete(request: Request) -> Response:
    """No redirect: the answer offers to add it again."""
    route = app_routes.read(request)
    error = tried(request, app_routes.delete)
    return _draw_one(request, {}, error) if error else _draw(request, {}, gone=route)


def _see(request: Request) -> Response:
    return see(request, "page_routes", app=request.context.app.slug)


def _draw(
    request: Request, form: dict[str, str], error: PicloudError | None = None, gone: dict[str, Any] | None = None
) -> Response:
    asked = {name: request.GET.get(name, "") for name in ("method", "path")}
    met, wrong = outcome(request, app_routes.match) if asked["path"] else (None, None)
    error = error or wrong
    found = app_routes.index(request)
    base = _base(request)
    values = _offered(request) | {"found": found, "curls": [_curl(base, route) for route in found["items"]]}
    values |= {"form": form, "error": error, "gone": gone, "asked": asked, "met": met}
    return draw(request, "routes", error.status if error else 200, **values)


def _draw_one(request: Request, form: dict[str, str], error: PicloudError | None = None) -> Response:
    route = app_routes.read(request)
    changed = isinstance(error, PreconditionFailed)
    values = _offered(request) | {"it": route, "form": route | form, "tag": entity_tag(route), "error": error}
    values |= {"curl": _curl(_base(request), route), "differences": differences(route, form) if changed else []}
    return draw(request, "route", error.status if error else 200, **values)


def _offered(request: Request) -> dict[str, Any]:
    app_id = request.context.app.id
    endpoints = select(Script.name).where(Script.app_id == app_id, Script.kind == ScriptKind.ENDPOINT)
    scripts = request.db.scalars(endpoints.order_by(Script.name)).all()
    return {"scripts": scripts, "methods": METHODS, "accesses": list(RouteAccess)}


def _base(request: Request) -> str:
    """Where the app's routes begin: at its own domain, for who may see that, or below /run."""
    domains = select(AppDomain.domain).where(AppDomain.app_id == request.context.app.id).order_by(AppDomain.id).limit(1)
    domain = request.db.scalar(domains) if request.has_permission(Capability.DOMAIN_MANAGE) else None
    if domain is not None:
        return f"https://{domain}"
    return (runtime(request).settings.public_url.rstrip("/") or request.host_url) + f"/run/{request.context.app.slug}"


def _curl(base: str, route: dict[str, Any]) -> str:
    """A call of the route. A parameter's name stands for its value, for curl reads braces as a list."""
    method = "GET" if route["method"] == "ANY" else route["method"]
    key = ' \\\n  -H "Authorization: Bearer $PICLOUD_KEY"' if route["access"] == RouteAccess.KEY else ""
    body = " \\\n  -H 'Content-Type: application/json' -d '{}'" if method in WITH_BODY else ""
    verb = "-I" if method == "HEAD" else f"-X {method}"
    address = base + _PARAMETER.sub(r"\1", route["path"])
    return f"curl {verb} {shlex.quote(address)}{key}{body}"
