"""The page behind the link that makes the first owner. The token is in the fragment, so a script puts it into the form."""

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.audit import Action, Actor
from picloud.domain.errors import PicloudError
from picloud.security.browser import check_origin
from picloud.services.audit import AuditService
from picloud.services.people.setup_links import SetupLinkService
from picloud.services.people.users import UserService
from picloud.views.dashboard.page import draw, public_page, see


@public_page("page_setup", "GET")
def ask(request: Request) -> Response:
    if UserService(request.db).has_owner():
        return see(request, "page_sign_in")
    return draw(request, "setup", error=None, email="", token="")


@public_page("page_setup", "POST")
def create(request: Request) -> Response:
    check_origin(request)
    token, email, password = (request.POST.get(name, "") for name in ("token", "email", "password"))
    try:
        owner = SetupLinkService(request.db).redeem(token, email, password)
    except PicloudError as error:
        return draw(request, "setup", error.status, error=error, email=email, token=token)
    actor = Actor(owner.email, "set-up link", owner.id, request.remote_addr, request.id)
    AuditService(request.db).record(actor, Action.SETUP, owner.id, after={"email": owner.email, "role": owner.role})
    return see(request, "page_sign_in")
