"""What a browser sends along: the session's cookie, the CSRF token, the origin.

Over https the cookie has the prefix `__Host-`: browsers take such a cookie from this very host alone, over https, so that
no neighbouring host and no attacker on plain http can set it. On a LAN without https it goes by its plain name.
"""

from urllib.parse import urlsplit

from pyramid.request import Request
from pyramid.response import Response

from picloud.crypto import csrf_token, same
from picloud.domain.errors import Forbidden
from picloud.services.people.user_sessions import Browser
from picloud.settings import Settings

COOKIE = "picloud_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def browser(request: Request) -> Browser:
    """`remote_addr` is the peer, or what a trusted proxy in front of us says: see `picloud.views.server`."""
    return Browser(request.remote_addr or "", request.headers.get("User-Agent", ""))


def session_token(request: Request) -> str | None:
    """The token in the cookie of the kind that this connection calls for."""
    token: str | None = request.cookies.get(_cookie_name(request))
    return token or None


def set_session_cookie(request: Request, token: str, max_s: float) -> None:
    """Give the browser its token: `HttpOnly`, so no script reads it, and `SameSite=Lax`, so links to us still work."""
    request.response.set_cookie(
        _cookie_name(request),
        token,
        max_age=int(max_s),
        path="/",
        secure=_is_https(request),
        httponly=True,
        samesite="Lax",
    )


def clear_session_cookie(request: Request, response: Response) -> None:
    response.set_cookie(
        _cookie_name(request), "", max_age=0, path="/", secure=_is_https(request), httponly=True, samesite="Lax"
    )


def check_csrf(request: Request, token: str) -> None:
    """For what a cookie alone would let in. Raises Forbidden."""
    check_origin(request, required=True)
    given = request.headers.get(CSRF_HEADER) or _form_field(request)
    if not same(given.encode(), csrf_token(token).encode()):
        raise Forbidden(f"Send the session's CSRF token as `{CSRF_HEADER}`; `GET /me` tells it.", code="csrf")


def check_origin(request: Request, *, required: bool = False) -> None:
    """Refuse what a page of another origin sends. Browsers name the origin in every unsafe request. Raises Forbidden."""
    origin = request.headers.get("Origin")
    if origin is None and not required:
        return
    if origin not in (request.host_url, _public_origin(request)):
        raise Forbidden("This was not sent by a page of this PiCloud.", code="csrf")


def _form_field(request: Request) -> str:
    """A form without a script sends its token as a field."""
    if request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    return str(request.POST.get(CSRF_FIELD, ""))


def _cookie_name(request: Request) -> str:
    return f"__Host-{COOKIE}" if _is_https(request) else COOKIE


def _is_https(request: Request) -> bool:
    return bool(request.scheme == "https" or _public_origin(request).startswith("https://"))


def _public_origin(request: Request) -> str:
    settings: Settings = request.registry["picloud.runtime"].settings
    parts = urlsplit(settings.public_url)
    return f"{parts.scheme}://{parts.netloc}"
