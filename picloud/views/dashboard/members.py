from functools import wraps
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError, invalid
from picloud.domain.kinds import AppRole
from picloud.services.people.users import UserService
from picloud.views import members
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried


@page("page_members", "GET", Capability.APP_READ_MEMBERS)
def index(request: Request) -> Response:
    return _draw(request)


@page("page_members", "POST", Capability.APP_MANAGE_MEMBERS)
def put(request: Request) -> Response:
    form = given(request, "email", "role")
    put_by_email = wraps(members.put)(lambda request: _put(request, form.get("email", "")))
    error = tried(request, put_by_email, {"role": form.get("role", "")})
    return _draw(request, form, error) if error else _see(request)


@page("page_remove_member", "POST", Capability.APP_MANAGE_MEMBERS)
def remove(request: Request) -> Response:
    error = tried(request, members.delete)
    return _draw(request, {}, error) if error else _see(request)


def _put(request: Request, email: str) -> Any:
    """The API names users by id, people mostly by their email. Raises Invalid, NotFound."""
    user_id = ids.parse(email)
    if user_id is None:
        user = UserService(request.db).by_email(email)
        if user is None:
            raise invalid("/email", f"there is no user {email!r}; who manages users has to make one first")
        user_id = user.id
    request.matchdict["user_id"] = str(user_id)
    return members.put(request)


def _see(request: Request) -> Response:
    return see(request, "page_members", app=request.context.app.slug)


def _draw(request: Request, form: dict[str, str] | None = None, error: PicloudError | None = None) -> Response:
    values = {"found": members.index(request), "roles": list(AppRole), "form": form or {}, "error": error}
    return draw(request, "members", error.status if error else 200, **values)
