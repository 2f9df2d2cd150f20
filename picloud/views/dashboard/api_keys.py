from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability, Scope
from picloud.domain.errors import PicloudError
from picloud.services.apps.apps import AppService
from picloud.services.paging import MAX_LIMIT
from picloud.views import api_keys, apps
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, outcome, tried

PRESETS = {
    "deploy": (Scope.SCRIPT_READ, Scope.SCRIPT_WRITE, Scope.ROUTE_WRITE),
    "read only": (Scope.SCRIPT_READ, Scope.LOG_READ),
    "one app, all of it": (Scope.APP_ADMIN,),
    "everything": (Scope.INSTANCE_ADMIN,),
}
"""Scopes that are often wanted together: `?preset=` ticks them."""


@page("page_keys", "GET", Capability.SELF_MANAGE_KEYS)
def index(request: Request) -> Response:
    return _draw(request, {"scopes": PRESETS.get(request.GET.get("preset", ""), ())})


@page("page_keys", "POST", Capability.SELF_MANAGE_KEYS)
def create(request: Request) -> Response:
    """The key is shown here and never again, so this page is no redirect."""
    form: dict[str, Any] = given(request, "name", "app", "expires_at")
    form["scopes"] = request.POST.getall("scopes")
    ends = {"expires_at": f"{form['expires_at']}:00Z"} if "expires_at" in form else {}
    made, error = outcome(request, api_keys.create, {"name": ""} | form | ends)
    return _draw(request, form, error) if error else _draw(request, made=made)


@page("page_delete_key", "POST", Capability.SELF_MANAGE_KEYS)
def delete(request: Request) -> Response:
    error = tried(request, api_keys.delete)
    return _draw(request, {}, error) if error else see(request, "page_keys")


def _draw(
    request: Request, form: dict[str, Any] | None = None, error: PicloudError | None = None, made: Any = None
) -> Response:
    found = api_keys.index(request)
    bound = AppService(request.db).slugs({key["app"] for key in found["items"] if key["app"]})
    values = {"found": found, "bound": bound, "presets": PRESETS, "made": made, "form": form or {}, "error": error}
    return draw(request, "api_keys", error.status if error else 200, apps=_apps(request), scopes=list(Scope), **values)


def _apps(request: Request) -> list[dict[str, Any]]:
    """The first MAX_LIMIT apps, to pick from: which page of the keys is looked at says nothing about them."""
    asked, request.query_string = request.query_string, f"limit={MAX_LIMIT}"
    try:
        mine: list[dict[str, Any]] = apps.index(request)["items"]
    finally:
        request.query_string = asked
    return mine
