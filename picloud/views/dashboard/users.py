from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import InstanceRole
from picloud.views import users
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried


@page("page_users", "GET", Capability.INSTANCE_MANAGE_USERS)
def index(request: Request) -> Response:
    return _draw(request)


@page("page_users", "POST", Capability.INSTANCE_MANAGE_USERS)
def create(request: Request) -> Response:
    form = given(request, "email", "role", "password")
    error = tried(request, users.create, {"email": ""} | form)
    return _draw(request, form, error) if error else see(request, "page_users")


@page("page_user", "POST", Capability.INSTANCE_MANAGE_USERS)
def change(request: Request) -> Response:
    """Another role, or locked out and let in again."""
    form = given(request, "role", "disabled")
    body = {"role": form["role"]} if "role" in form else {"disabled": form.get("disabled") == "yes"}
    error = tried(request, users.update, body)
    return _draw(request, {}, error) if error else see(request, "page_users")


@page("page_delete_user", "POST", Capability.INSTANCE_MANAGE_USERS)
def delete(request: Request) -> Response:
    error = tried(request, users.delete)
    return _draw(request, {}, error) if error else see(request, "page_users")


def _draw(request: Request, form: dict[str, str] | None = None, error: PicloudError | None = None) -> Response:
    """A password that was refused is not sent back."""
    values = {"found": users.index(request), "roles": list(InstanceRole), "form": form or {}, "error": error}
    return draw(request, "users", error.status if error else 200, **values)
