"""Signing in and out with forms, and the choice of colours."""

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import PicloudError
from picloud.security.accountability import audit
from picloud.security.browser import browser, check_origin, clear_session_cookie, set_session_cookie
from picloud.services.people.sign_in import Credentials, SignInService
from picloud.services.people.user_sessions import UserSessionService
from picloud.services.people.users import UserService
from picloud.views.api import runtime
from picloud.views.dashboard.page import THEME_COOKIE, THEMES, draw, own_path, page, public_page, see

YEAR_S = 365 * 86_400


@public_page("page_sign_in", "GET")
def ask(request: Request) -> Response:
    if request.identity is not None:
        return see(request, "page_overview")
    return _form(request)


@public_page("page_sign_in", "POST")
def sign_in(request: Request) -> Response:
    check_origin(request)
    made_of, given = runtime(request), request.POST
    credentials = Credentials(given.get("email", ""), given.get("password", ""), given.get("totp") or None)
    service = SignInService(made_of.sessions, made_of.master_key, browser(request), request.id)
    try:
        signed_in = service.sign_in(credentials, made_of.settings.session_max_s)
    except PicloudError as error:
        return _form(request, error)
    response = Response(status=303, location=own_path(given.get("next", "")))
    request.response = response
    set_session_cookie(request, signed_in.token, made_of.settings.session_max_s)
    return response


@page("page_sign_out", "POST", Capability.SELF_READ)
def sign_out(request: Request) -> Response:
    principal = request.identity
    if principal.session_id is not None:
        UserSessionService(request.db).delete(principal.user_id, principal.session_id)
        audit(request, Action.SIGN_OUT, principal.session_id)
    response = see(request, "page_sign_in")
    clear_session_cookie(request, response)
    return response


@page("page_theme", "POST", Capability.SELF_READ)
def choose_theme(request: Request) -> Response:
    """In a cookie, so that the page arrives in its colours and nothing flashes."""
    theme = request.POST.get("theme")
    response = Response(status=303, location=own_path(request.POST.get("next", "")))
    response.set_cookie(THEME_COOKIE, theme if theme in THEMES else THEMES[0], max_age=YEAR_S, samesite="Lax")
    return response


def _form(request: Request, error: PicloudError | None = None) -> Response:
    values = {
        "error": error,
        "email": request.POST.get("email", "") if error else "",
        "wants_totp": error is not None and "totp" in error.problem_code,
        "next": request.params.get("next", ""),
        "has_owner": UserService(request.db).has_owner(),
    }
    return draw(request, "sign_in", error.status if error else 200, **values)
