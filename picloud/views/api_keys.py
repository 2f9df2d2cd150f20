from datetime import datetime
from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import func, select

from picloud.domain.access import Capability, Scope
from picloud.domain.audit import Action
from picloud.domain.clock import rfc3339
from picloud.domain.errors import Forbidden, invalid
from picloud.models import ApiKey, App
from picloud.security.accountability import audit, need_fresh_sign_in
from picloud.services.apps.apps import AppService
from picloud.services.people.api_keys import ApiKeyService
from picloud.services.principals import Principal, PrincipalService
from picloud.views.api import api, json_body, page_request, page_shape, path_id, utc_moment


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    scopes: list[Scope]
    app: str | None = None
    expires_at: datetime | None = None


def shape(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "app": key.app_id,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "created_at": key.created_at,
    }


@api("api_keys", "GET", Capability.SELF_MANAGE_KEYS)
def index(request: Request) -> dict[str, Any]:
    return page_shape(ApiKeyService(request.db).list(request.identity, page_request(request)), shape)


@api("api_keys", "POST", Capability.SELF_MANAGE_KEYS)
def create(request: Request) -> dict[str, Any]:
    body = json_body(request, NewKey)
    need_fresh_sign_in(request)
    principal: Principal = request.identity
    _check(request, body)
    app = _app(request, body.app, principal)
    row, key = ApiKeyService(request.db).create(
        principal.user_id, body.name, set(body.scopes), app_id=app.id if app else None, expires_at=body.expires_at
    )
    audit(request, Action.KEY_CREATE, row.id, after=shape(row))
    request.response.status_int = 201
    return shape(row) | {"key": key}


@api("api_key", "DELETE", Capability.SELF_MANAGE_KEYS)
def delete(request: Request) -> Response:
    key = ApiKeyService(request.db).delete(request.identity, path_id(request))
    audit(request, Action.KEY_DELETE, key.id, shape(key))
    return Response(status=204)


def _check(request: Request, body: NewKey) -> None:
    """A key makes no key that may more than itself. Raises Invalid, Forbidden."""
    if not 1 <= len(body.name) <= 200:
        raise invalid("/name", "has to have 1 to 200 characters")
    if not body.scopes:
        raise invalid("/scopes", "names no scope; a key without one could do nothing")
    own_end = request.identity.key_expires_at
    if body.expires_at is not None:
        body.expires_at = utc_moment("/expires_at", body.expires_at)
        if body.expires_at <= request.db.scalar(select(func.now())):
            raise invalid("/expires_at", "lies in the past")
    if own_end is not None and (body.expires_at is None or body.expires_at > own_end):
        raise Forbidden(f"Your own key ends at {rfc3339(own_end)}; a key that it makes ends no later.")
    beyond = set(body.scopes) - request.identity.scopes
    if beyond and Scope.INSTANCE_ADMIN not in request.identity.scopes:
        raise Forbidden(f"Your own key does not have {', '.join(sorted(beyond))}.")


def _app(request: Request, reference: str | None, principal: Principal) -> App | None:
    if reference is None:
        if principal.app_id is not None:
            raise Forbidden("A key that is bound to one app makes keys for this app only; name it in `app`.")
        return None
    app = AppService(request.db).find(reference)
    role = PrincipalService(request.db).role_in(principal.user_id, app.id) if app else None
    if app is None or principal.app_id not in (None, app.id) or not principal.may(Capability.APP_READ, role):
        raise invalid("/app", f"there is no app {reference!r} in which you have a role")
    return app
