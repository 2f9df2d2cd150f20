"""Headers of every answer: what a browser must not do with it, and where it is."""

from collections.abc import Callable

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

from picloud.services.runtime import Runtime
from picloud.views.rate_limits import add_headers

POLICY = "default-src 'none'; frame-ancestors 'none'"
"""Content-Security-Policy of what is no page: nothing in it may load or run anything. Pages bring their own."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STRICT_TRANSPORT = "max-age=31536000"


def tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    """Around everything that makes answers."""
    made_of: Runtime = registry["picloud.runtime"]
    public_url = made_of.settings.public_url.rstrip("/")

    def headers_tween(request: Request) -> Response:
        response = handler(request)
        if not _is_handlers_own(request, response):
            guard(response, https=request.scheme == "https")
        add_headers(response, getattr(request, "rate_limit", None))
        location = response.headers.get("Location", "")
        if public_url and location.startswith("/api/"):
            response.headers["Location"] = public_url + location
        return response

    return headers_tween


def guard(response: Response, *, https: bool) -> None:
    """Add what the answer does not say itself."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if https:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT


def _is_handlers_own(request: Request, response: Response) -> bool:
    """Whether a script made the answer. Its guard is the sandbox policy that `picloud.views.run_answer` gives it."""
    route = getattr(request, "matched_route", None)
    return route is not None and route.name == "run" and response.content_type != "application/problem+json"
