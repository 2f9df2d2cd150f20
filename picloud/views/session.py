"""Signing in and out with a browser."""

from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.crypto import csrf_token
from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.models import UserSession
from picloud.security.accountability import audit
from picloud.security.browser import (
    browser,
    check_origin,
    clear_session_cookie,
    session_token,
    set_session_cookie,
)
from picloud.services.people.sign_in import Credentials, SignInService
from picloud.services.people.user_sessions import UserSessionService
from picloud.views.api import api, json_body, page_request, page_shape, path_id, public, runtime
from picloud.views.users import shape as user_shape


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    email: str
    password: str
    totp: str | None = None


class Reauthentication(msgspec.Struct, forbid_unknown_fields=True):
    password: str
    totp: str | None = None


def shape(row: UserSession) -> dict[str, Any]:
    return {
        "id": row.id,
        "address": row.address,
        "user_agent": row.user_agent,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "expires_at": row.expires_at,
    }


@public("session", "POST")
def create(request: Request) -> dict[str, Any]:
    check_origin(request)
    body = json_body(request, SignIn)
    max_s = runtime(request).settings.session_max_s
    signed_in = _sign_ins(request).sign_in(Credentials(body.email, body.password, body.totp), max_s)
    set_session_cookie(request, signed_in.token, max_s)
    request.response.status_int = 201
    return {
        "id": signed_in.session_id,
        "user": user_shape(signed_in.user),
        "csrf_token": csrf_token(signed_in.token),
    }


@public("session", "DELETE")
def delete(request: Request) -> Response:
    """Also for who is not signed in, or no longer: the cookie goes in any case."""
    principal = request.identity
    if principal is not None and principal.session_id is not None:
        UserSessionService(request.db).delete(principal.user_id, principal.session_id)
        audit(request, Action.SIGN_OUT, principal.session_id)
    response = Response(status=204)
    clear_session_cookie(request, response)
    return response


@api("reauthenticate", "POST", Capability.SELF_MANAGE_SIGN_IN)
def reauthenticate(request: Request) -> Response:
    body = json_body(request, Reauthentication)
    principal = request.identity
    given = Credentials(principal.email, body.password, body.totp)
    _sign_ins(request).reauthenticate(given, principal.session_id)
    return Response(status=204)


@api("sessions", "GET", Capability.SELF_MANAGE_SIGN_IN)
def index(request: Request) -> dict[str, Any]:
    current = request.identity.session_id
    page = UserSessionService(request.db).list(request.identity.user_id, page_request(request))
    return page_shape(page, lambda row: shape(row) | {"current": row.id == current})


@api("session_of_mine", "DELETE", Capability.SELF_MANAGE_SIGN_IN)
def revoke(request: Request) -> Response:
    row = UserSessionService(request.db).delete(request.identity.user_id, path_id(request))
    audit(request, Action.SESSION_REVOKE, row.id, shape(row))
    return Response(status=204)


def my_session(request: Request) -> dict[str, Any] | None:
    """What a page needs to know of the session it is in."""
    token, principal = session_token(request), request.identity
    if principal.session_id is None or token is None:
        return None
    return {"id": principal.session_id, "csrf_token": csrf_token(token), "fresh": principal.fresh}


def _sign_ins(request: Request) -> SignInService:
    made_of = runtime(request)
    return SignInService(made_of.sessions, made_of.master_key, browser(request), request.id)
