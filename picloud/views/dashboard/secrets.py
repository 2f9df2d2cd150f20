from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.views import secrets
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried


@page("page_secrets", "GET", Capability.APP_MANAGE_SECRETS)
def index(request: Request) -> Response:
    return _draw(request)


@page("page_secrets", "POST", Capability.APP_MANAGE_SECRETS)
def put(request: Request) -> Response:
    form = given(request, "name", "value")
    request.matchdict["name"] = form.get("name", "")
    error = tried(request, secrets.put, {"value": form.get("value", "")})
    return _draw(request, form.get("name", ""), error) if error else _see(request)


@page("page_delete_secret", "POST", Capability.APP_MANAGE_SECRETS)
def delete(request: Request) -> Response:
    error = tried(request, secrets.delete)
    return _draw(request, "", error) if error else _see(request)


def _see(request: Request) -> Response:
    return see(request, "page_secrets", app=request.context.app.slug)


def _draw(request: Request, name: str = "", error: PicloudError | None = None) -> Response:
    """A value that was refused is not sent back."""
    values = {"found": secrets.index(request), "name": name, "error": error}
    return draw(request, "secrets", error.status if error else 200, **values)
