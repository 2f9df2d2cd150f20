from typing import Any, Literal

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.models import App
from picloud.security.accountability import audit
from picloud.services.apps.apps import AppService
from picloud.services.paging import Page
from picloud.services.principals import Principal
from picloud.views.api import api, json_body, page_request, page_shape
from picloud.views.limits import limits_shape


class NewApp(msgspec.Struct, forbid_unknown_fields=True):
    slug: str
    name: str = ""


class AppChange(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None = None
    isolation: Literal["reuse", "per_event"] | None = None
    http_allow: list[str] | None = None
    limits: dict[str, Any] | None = None


def shape(app: App) -> dict[str, Any]:
    return {
        "id": app.id,
        "slug": app.slug,
        "name": app.name,
        "http_allow": app.http_allow,
        "isolation": app.isolation,
        "limits": app.limits,
        "created_at": app.created_at,
    }


def shown(request: Request, app: App) -> dict[str, Any]:
    return shape(app) | limits_shape(request, app.limits)


@api("apps", "GET", Capability.SELF_READ)
def index(request: Request) -> dict[str, Any]:
    """All apps for who may see all; else those in which the user has a role; with a bound key its one app."""
    principal: Principal = request.identity
    apps, page = AppService(request.db), page_request(request)

    def show(app: App) -> dict[str, Any]:
        return shown(request, app)

    if principal.app_id is not None:
        bound = apps.find(str(principal.app_id))
        return page_shape(Page([bound] if bound else [], None), show)
    everything = principal.may(Capability.APP_READ)
    return page_shape(apps.list(page) if everything else apps.list_of(principal.user_id, page), show)


@api("apps", "POST", Capability.INSTANCE_CREATE_APP)
def create(request: Request) -> dict[str, Any]:
    body = json_body(request, NewApp)
    app = AppService(request.db).create(body.slug, body.name)
    audit(request, Action.APP_CREATE, app.id, after=shape(app))
    request.response.status_int = 201
    return shown(request, app)


@api("app", "GET", Capability.APP_READ)
def read(request: Request) -> dict[str, Any]:
    return shown(request, request.context.app)


@api("app", "PATCH", Capability.APP_UPDATE)
def update(request: Request) -> dict[str, Any]:
    body, before = json_body(request, AppChange), shape(request.context.app)
    app = AppService(request.db).update(
        request.context.app,
        name=body.name,
        isolation=body.isolation,
        http_allow=body.http_allow,
        limits=body.limits,
    )
    audit(request, Action.APP_UPDATE, app.id, before, shape(app))
    return shown(request, app)


@api("app", "DELETE", Capability.APP_DELETE)
def delete(request: Request) -> Response:
    app = request.context.app
    audit(request, Action.APP_DELETE, app.id, shape(app))
    AppService(request.db).delete(app)
    return Response(status=204)
