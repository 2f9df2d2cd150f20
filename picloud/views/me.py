from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.security.accountability import audit, need_fresh_sign_in
from picloud.services.people.users import UserService
from picloud.views.api import api, json_body
from picloud.views.session import my_session


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    password: str


@api("me", "GET", Capability.SELF_READ)
def read(request: Request) -> dict[str, Any]:
    """`key` for who came with one, `session` for who is signed in with a browser."""
    principal = request.identity
    key = {"id": principal.key_id, "scopes": sorted(principal.scopes), "app": principal.app_id}
    return {
        "id": principal.user_id,
        "email": principal.email,
        "role": principal.role,
        "key": key if principal.key_id else None,
        "session": my_session(request),
    }


@api("my_password", "PUT", Capability.SELF_MANAGE_SIGN_IN)
def change_password(request: Request) -> Response:
    """All other sessions of the user end."""
    need_fresh_sign_in(request)
    body = json_body(request, NewPassword)
    users, principal = UserService(request.db), request.identity
    users.set_password(users.get(principal.user_id), body.password, kept_session=principal.session_id)
    audit(request, Action.PASSWORD_CHANGE, principal.user_id)
    return Response(status=204)
