from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.views import app_domains
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried


@page("page_domains", "GET", Capability.DOMAIN_MANAGE)
def index(request: Request) -> Response:
    return _draw(request)


@page("page_domains", "POST", Capability.DOMAIN_MANAGE)
def add(request: Request) -> Response:
    form = given(request, "domain")
    error = tried(request, app_domains.add, {"domain": ""} | form)
    return _draw(request, form, error) if error else _see(request)


@page("page_delete_domain", "POST", Capability.DOMAIN_MANAGE)
def remove(request: Request) -> Response:
    error = tried(request, app_domains.remove)
    return _draw(request, {}, error) if error else _see(request)


def _see(request: Request) -> Response:
    return see(request, "page_domains", app=request.context.app.slug)


def _draw(request: Request, form: dict[str, str] | None = None, error: PicloudError | None = None) -> Response:
    values = {"found": app_domains.index(request), "form": form or {}, "error": error}
    return draw(request, "domains", error.status if error else 200, **values)
