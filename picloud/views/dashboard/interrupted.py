"""A form that was interrupted because a password has to be shown first: it is sent again with the password, by a 307, so
that what was filled in stands in no address, no cookie and no table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.errors import PicloudError
from picloud.security.browser import CSRF_FIELD
from picloud.views.dashboard.page import draw, own_path

PASSWORD, TOTP, NEXT = "reauth_password", "reauth_totp", "next"
_OURS = {PASSWORD, TOTP, NEXT, CSRF_FIELD, "interrupted"}
_SECRET = {"password": "The new password", "code": "The code"}
"""Fields that are not sent back to the browser, but asked for once more, and what they are called."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """`kept`: the fields of the form. `once_more`: names and labels of those to be typed again."""

    kept: Sequence[tuple[str, str]]
    once_more: Sequence[tuple[str, str]]


def interrupted(request: Request) -> Interrupted:
    """What was sent, before an API view was given its body."""
    form = request.environ.get("picloud.form", request.POST)
    fields = [(name, value) for name, value in form.items() if name not in _OURS and isinstance(value, str)]
    once_more = [(name, _SECRET[name]) for name, value in fields if name in _SECRET and value]
    return Interrupted([field for field in fields if field[0] not in _SECRET], once_more)


def ask_for_password(
    request: Request, following: str, form: Interrupted | None, error: PicloudError | None = None
) -> Response:
    values: dict[str, Any] = {"next": own_path(following), "form": form, "error": error}
    return draw(request, "reauthenticate", error.status if error else 403 if form else 200, **values)
