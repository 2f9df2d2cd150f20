"""Making the first owner, with the token of the link that the box's terminal shows."""

from typing import Any

import msgspec
from pyramid.request import Request

from picloud.domain.audit import Action, Actor
from picloud.security.browser import check_origin
from picloud.services.audit import AuditService
from picloud.services.people.setup_links import SetupLinkService
from picloud.services.people.users import UserService
from picloud.views.api import json_body, public
from picloud.views.users import shape


class Setup(msgspec.Struct, forbid_unknown_fields=True):
    token: str
    email: str
    password: str


@public("setup", "GET")
def read(request: Request) -> dict[str, Any]:
    """What a sign-in page has to know before anybody can sign in."""
    return {"has_owner": UserService(request.db).has_owner()}


@public("setup", "POST")
def create(request: Request) -> dict[str, Any]:
    check_origin(request)
    body = json_body(request, Setup)
    owner = SetupLinkService(request.db).redeem(body.token, body.email, body.password)
    actor = Actor(owner.email, "set-up link", owner.id, request.remote_addr, request.id)
    AuditService(request.db).record(actor, Action.SETUP, owner.id, after=shape(owner))
    request.response.status_int = 201
    return shape(owner)
