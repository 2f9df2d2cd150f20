"""Pages act through the API's own views: one validation, one audit, and an API call for everything a page can do."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pyramid.request import Request

from picloud.domain.errors import PicloudError

ApiView = Callable[[Request], Any]


def act(request: Request, view: ApiView, body: Mapping[str, Any] | None = None) -> Any:
    """What the API's `view` answers to `body`. The page must ask for the same capability.

    The form's fields are gone afterwards. Raises what the view raises.
    """
    if body is not None:
        request.body = msgspec.json.encode(body)
        request.content_type = "application/json"
    return view(request)


def tried(request: Request, view: ApiView, body: Mapping[str, Any] | None = None) -> PicloudError | None:
    """The error with which `view` refused `body`, for the form to show; None where it was taken."""
    savepoint = request.db.begin_nested()
    try:
        act(request, view, body)
    except PicloudError as error:
        savepoint.rollback()
        return error
    savepoint.commit()
    return None


def given(request: Request, *names: str) -> dict[str, str]:
    """The fields of the form that are filled in."""
    return {name: value for name in names if (value := request.POST.get(name, "")) != ""}
