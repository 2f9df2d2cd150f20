from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import func, select

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import Conflict
from picloud.domain.kinds import InstanceRole
from picloud.models import User
from picloud.security.accountability import audit, need_fresh_sign_in
from picloud.services.people.users import UserService, may_grant
from picloud.views.api import api, json_body, page_request, page_shape, path_id


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    email: str
    role: InstanceRole = InstanceRole.MEMBER
    password: str | None = None


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    role: InstanceRole | None = None
    disabled: bool | None = None
    password: str | None = None


def shape(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "role": user.role,
        "disabled": user.disabled_at is not None,
        "has_password": user.password_hash is not None,
        "created_at": user.created_at,
    }


@api("users", "GET", Capability.INSTANCE_MANAGE_USERS)
def index(request: Request) -> dict[str, Any]:
    return page_shape(UserService(request.db).list(page_request(request)), shape)


@api("users", "POST", Capability.INSTANCE_MANAGE_USERS)
def create(request: Request) -> dict[str, Any]:
    body = json_body(request, NewUser)
    may_grant(request.identity.role, body.role)
    need_fresh_sign_in(request)
    user = UserService(request.db).create(body.email, body.role, body.password)
    audit(request, Action.USER_CREATE, user.id, after=shape(user))
    request.response.status_int = 201
    return shape(user)


@api("user", "GET", Capability.INSTANCE_MANAGE_USERS)
def read(request: Request) -> dict[str, Any]:
    return shape(UserService(request.db).get(path_id(request)))


@api("user", "PATCH", Capability.INSTANCE_MANAGE_USERS)
def update(request: Request) -> dict[str, Any]:
    users = UserService(request.db)
    user = users.get(path_id(request))
    body, before = json_body(request, UserChange), shape(user)
    need_fresh_sign_in(request)
    may_grant(request.identity.role, InstanceRole(user.role))
    if body.role is not None:
        may_grant(request.identity.role, body.role)
        users.set_role(user, body.role)
    if body.disabled is not None:
        users.set_disabled(user, body.disabled, request.db.scalar(select(func.now())))
    if body.password is not None:
        users.set_password(user, body.password)
        audit(request, Action.PASSWORD_CHANGE, user.id)
    audit(request, Action.USER_UPDATE, user.id, before, shape(user))
    return shape(user)


@api("user", "DELETE", Capability.INSTANCE_MANAGE_USERS)
def delete(request: Request) -> Response:
    users = UserService(request.db)
    user = users.get(path_id(request))
    may_grant(request.identity.role, InstanceRole(user.role))
    if user.id == request.identity.user_id:
        raise Conflict("You can't delete yourself.")
    need_fresh_sign_in(request)
    audit(request, Action.USER_DELETE, user.id, shape(user))
    users.delete(user)
    return Response(status=204)
