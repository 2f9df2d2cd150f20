"""One's own account: password, second factor, sessions."""

from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.models import UserTotp
from picloud.views import me, session, totp
from picloud.views.dashboard.interrupted import NEXT, PASSWORD, TOTP, ask_for_password, interrupted
from picloud.views.dashboard.page import draw, own_path, page, see
from picloud.views.dashboard.qr import qr_svg
from picloud.views.dashboard.twin import given, outcome, tried


@page("page_account", "GET", Capability.SELF_MANAGE_SIGN_IN)
def show(request: Request) -> Response:
    return _draw(request)


@page("page_password", "POST", Capability.SELF_MANAGE_SIGN_IN)
def change_password(request: Request) -> Response:
    error = tried(request, me.change_password, {"password": request.POST.get("password", "")})
    return (
        _draw(request, error) if error else _draw(request, done="Your password is changed; all other sessions ended.")
    )


@page("page_totp", "POST", Capability.SELF_MANAGE_SIGN_IN)
def enrol(request: Request) -> Response:
    made, error = outcome(request, totp.enrol, {})
    if error:
        return _draw(request, error)
    return _draw(request, enrolment=made, code=qr_svg(made["otpauth_uri"], "The secret as a QR code"))


@page("page_confirm_totp", "POST", Capability.SELF_MANAGE_SIGN_IN)
def confirm(request: Request) -> Response:
    confirmed, error = outcome(request, totp.confirm, {"code": request.POST.get("code", "")})
    return _draw(request, error) if error else _draw(request, codes=confirmed["recovery_codes"])


@page("page_remove_totp", "POST", Capability.SELF_MANAGE_SIGN_IN)
def remove(request: Request) -> Response:
    error = tried(request, totp.remove)
    return _draw(request, error) if error else _draw(request, done="You have no second factor any more.")


@page("page_end_session", "POST", Capability.SELF_MANAGE_SIGN_IN)
def end_session(request: Request) -> Response:
    error = tried(request, session.revoke)
    return _draw(request, error) if error else see(request, "page_account")


@page("page_reauthenticate", "GET", Capability.SELF_MANAGE_SIGN_IN)
def ask(request: Request) -> Response:
    return ask_for_password(request, request.GET.get("next", ""), None)


@page("page_reauthenticate", "POST", Capability.SELF_MANAGE_SIGN_IN)
def reauthenticate(request: Request) -> Response:
    """The interrupted form goes on as it was sent; without one, to the page that asked."""
    form = given(request, PASSWORD, TOTP, NEXT, "interrupted")
    following, kept = form.get(NEXT, ""), interrupted(request) if "interrupted" in form else None
    shown = {"password": form.get(PASSWORD, "")} | ({"totp": form[TOTP]} if TOTP in form else {})
    error = tried(request, session.reauthenticate, shown)
    if error is not None:
        return ask_for_password(request, following, kept, error)
    return Response(status=307 if kept else 303, location=own_path(following))


def _draw(request: Request, error: PicloudError | None = None, **shown: Any) -> Response:
    """`shown`: what is told this once."""
    factor = request.db.get(UserTotp, request.identity.user_id)
    values = {"done": None, "enrolment": None, "code": None, "codes": None} | shown
    sessions = session.index(request)
    return draw(
        request, "account", error.status if error else 200, factor=factor, sessions=sessions, error=error, **values
    )
