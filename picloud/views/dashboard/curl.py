"""A form as the API call that it stands for, instead of doing it."""

import inspect
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request

from picloud.domain.errors import BadRequest

FIELD = "as_curl"
"""Who sends a form with this field is shown the call, and nothing is done."""
HIDDEN = frozenset({"password", "secret", "inbound_secret", "old_password", "code", "totp", "token"})
OF_SECRETS = "secret"
"""The route whose `value` is hidden, too."""

ADDRESSES = "picloud.addresses"
"""Where the registry has them."""
Addresses = dict[Callable[..., Any], tuple[str, str]]
"""The route's name and the method by which each view, without what wraps it, is reached."""

_PART = re.compile(r"\{(\w+)")


class ShownAsCurl(Exception):
    """Raised in the place of an action, so that its transaction is rolled back."""

    def __init__(self, command: str) -> None:
        super().__init__("shown, and not done")
        self.command = command


def is_asked_for(request: Request) -> bool:
    return request.method == "POST" and FIELD in request.POST


def shown_as_curl(request: Request, view: Callable[..., Any], body: Mapping[str, Any] | None) -> ShownAsCurl:
    """The call of the API's `view`, or of what it wraps. Raises BadRequest for what is no view of the API."""
    route, method = _address(request, view)
    parts = ["curl", "-X", method, request.host_url + _path(request, route)]
    lines = [shlex.join(parts), '-H "Authorization: Bearer $PICLOUD_KEY"']
    if body is not None:
        masked = {name: _masked(route, name, value) for name, value in body.items()}
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(msgspec.json.encode(masked).decode())}"]
    return ShownAsCurl(" \\\n  ".join(lines))


def _address(request: Request, view: Callable[..., Any]) -> tuple[str, str]:
    """The route's name and the method by which `view` is reached."""
    addresses: Addresses = request.registry[ADDRESSES]
    found = addresses.get(inspect.unwrap(view))
    if found is None:
        raise BadRequest("This form is no call of the API's own, so there is no curl for it.")
    return found


def _path(request: Request, route: str) -> str:
    """What the address does not tell yet stands in capitals."""
    pattern = request.registry.getUtility(IRoutesMapper).get_route(route).pattern
    parts = {name: request.matchdict.get(name) or name.upper() for name in _PART.findall(pattern)}
    path: str = request.route_path(route, **parts)
    return path


def _masked(route: str, name: str, value: Any) -> Any:
    hidden = name in HIDDEN or (route == OF_SECRETS and name == "value")
    return f"<{name}>" if hidden and value else value
