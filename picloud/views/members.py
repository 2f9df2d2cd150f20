from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.kinds import AppRole
from picloud.models import AppMember, User
from picloud.security.accountability import audit, need_fresh_sign_in
from picloud.services.apps.apps import MemberService
from picloud.services.people.users import UserService
from picloud.views.api import api, json_body, page_request, page_shape, path_id


class Membership(msgspec.Struct, forbid_unknown_fields=True):
    role: AppRole


def shape(pair: tuple[AppMember, User]) -> dict[str, Any]:
    member, user = pair
    return {"user_id": user.id, "email": user.email, "role": member.role, "created_at": member.created_at}


@api("members", "GET", Capability.APP_READ_MEMBERS)
def index(request: Request) -> dict[str, Any]:
    return page_shape(MemberService(request.db, request.context.app).list(page_request(request)), shape)


@api("member", "PUT", Capability.APP_MANAGE_MEMBERS)
def put(request: Request) -> dict[str, Any]:
    body = json_body(request, Membership)
    need_fresh_sign_in(request)
    user = UserService(request.db).get(path_id(request, "user_id"))
    members = MemberService(request.db, request.context.app)
    before = members.role_of(user.id)
    member = members.put(user, body.role)
    audit(request, Action.MEMBER_SET, user.id, {"role": before}, {"role": member.role})
    return shape((member, user))


@api("member", "DELETE", Capability.APP_MANAGE_MEMBERS)
def delete(request: Request) -> Response:
    need_fresh_sign_in(request)
    member = MemberService(request.db, request.context.app).delete(path_id(request, "user_id"))
    audit(request, Action.MEMBER_REMOVE, member.user_id, {"role": member.role})
    return Response(status=204)
