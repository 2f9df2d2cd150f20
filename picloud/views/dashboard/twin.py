"""Pages act through the API's own views: one validation, one audit, and an API call for everything a page can do."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from pyramid.request import Request

from picloud.domain import strict_json
from picloud.domain.errors import BadRequest, NotFound, PicloudError, invalid
from picloud.domain.text import storable
from picloud.views.dashboard.curl import is_asked_for, shown_as_curl

ApiView = Callable[[Request], Any]
Body = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None
REAUTHENTICATION = "reauthentication_required"


def act(request: Request, view: ApiView, body: Body = None) -> Any:
    """What the API's `view` answers to `body`. The page must ask for the same capability.

    The form's fields are gone afterwards. Raises what the view raises, and what a `body` that is made from a form does;
    ShownAsCurl, and does nothing, where the form asks for that. What wraps a view has to name it: `functools.wraps`.
    """
    if is_asked_for(request):
        raise shown_as_curl(request, view, body() if callable(body) else body)
    if body is not None:
        request.environ.setdefault("picloud.form", request.POST)
        request.body = msgspec.json.encode(body() if callable(body) else body)
        request.content_type = "application/json"
    return view(request)


def tried(request: Request, view: ApiView, body: Body = None) -> PicloudError | None:
    """The error with which `view` refused `body`, for the form to show; None where it was taken."""
    return outcome(request, view, body)[1]


def outcome(request: Request, view: ApiView, body: Body = None) -> tuple[Any, PicloudError | None]:
    """What the view answered, or the error for the form. Raises Forbidden where a password has to be shown first: that
    is asked for on a page of its own."""
    savepoint = request.db.begin_nested()
    try:
        answer = act(request, view, body)
    except PicloudError as error:
        savepoint.rollback()
        if error.problem_code == REAUTHENTICATION:
            raise
        return None, error
    savepoint.commit()
    return answer, None


def read_at(request: Request, view: ApiView, wanted: object) -> Mapping[str, Any] | None:
    """What `view` shows for the id `wanted`, in the place of the path's; None where there is nothing any more."""
    path = request.matchdict
    request.matchdict = path | {"id": str(wanted)}
    try:
        found: Mapping[str, Any] = view(request)
    except NotFound:
        return None
    finally:
        request.matchdict = path
    return found


def given(request: Request, *names: str) -> dict[str, str]:
    """The fields of the form that are filled in, with the line breaks of Unix. Raises Invalid."""
    filled = {}
    for name in names:
        value = str(request.POST.get(name, "")).replace("\r\n", "\n")
        if not storable(value):
            raise invalid(f"/{name}", "holds NUL or half of a surrogate pair, which PostgreSQL can't store")
        if value:
            filled[name] = value
    return filled


def json_field(form: Mapping[str, str], name: str) -> Any:
    """A field that holds JSON. Raises Invalid."""
    try:
        return strict_json.loads(form.get(name, "").encode(), error=BadRequest)
    except BadRequest as error:
        raise invalid(f"/{name}", f"{error.detail}") from None


def without_empty(request: Request) -> None:
    """A form of filters sends all its fields; the API refuses empty ones. Days and times are meant in UTC."""
    filled = [(name, value) for name, value in request.GET.items() if value != ""]
    utc = [
        (name, f"{value}:00Z" if name in ("since", "until") and len(value) == 16 else value) for name, value in filled
    ]
    request.query_string = urlencode(utc)
