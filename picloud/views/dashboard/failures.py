"""Errors of pages, as pages: what happened, where, and what to do."""

from collections.abc import Callable
from urllib.parse import quote

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.errors import PicloudError, Unauthenticated
from picloud.views.dashboard.curl import ShownAsCurl
from picloud.views.dashboard.interrupted import ask_for_password, interrupted
from picloud.views.dashboard.page import draw
from picloud.views.dashboard.twin import REAUTHENTICATION
from picloud.views.problems import as_error

Handler = Callable[[Request], Response]


def tween_factory(handler: Handler, registry: Registry) -> Handler:
    """Inside the problems' tween and outside the transaction's: by now it is rolled back."""

    def failures_tween(request: Request) -> Response:
        try:
            return handler(request)
        except ShownAsCurl as shown:
            return draw(request, "curl", command=shown.command)
        except Exception as exception:
            if not is_page(request):
                raise
            error = as_error(exception, request)
            if error.status == 500 and not isinstance(exception, PicloudError):
                request.failure = exception
            return _answer(request, error)

    return failures_tween


def is_page(request: Request) -> bool:
    """Whether a person looks: the address is a page's, or nobody's and a browser asks."""
    route = getattr(request, "matched_route", None)
    if route is not None:
        return bool(route.name.startswith("page_"))
    return not request.path_info.startswith(("/api/", "/run/", "/internal/")) and "text/html" in request.headers.get(
        "Accept", ""
    )


def _answer(request: Request, error: PicloudError) -> Response:
    if isinstance(error, Unauthenticated) and request.method in ("GET", "HEAD"):
        here = request.path_qs
        return Response(status=303, location="/sign-in" + (f"?next={quote(here)}" if here != "/" else ""))
    if error.problem_code == REAUTHENTICATION:
        return ask_for_password(request, request.path_qs, interrupted(request))
    response = draw(request, "failure", error.status, error=error)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
