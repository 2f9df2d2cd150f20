"""What a request is about, as far as its permission depends on it. A context exists only for who is signed in."""

from dataclasses import dataclass

from pyramid.request import Request

from picloud.domain.errors import NotFound, Unauthenticated
from picloud.domain.kinds import AppRole
from picloud.models import App
from picloud.services.apps.apps import AppService
from picloud.services.principals import Principal, PrincipalService


@dataclass(frozen=True, slots=True)
class PublicContext:
    """Anybody may ask; the view guards itself, if at all."""


@dataclass(frozen=True, slots=True)
class InstanceContext:
    """The instance as a whole."""


@dataclass(frozen=True, slots=True)
class AppContext:
    """An app, and the role that the asking user has in it."""

    app: App
    role: AppRole | None


def public_context(request: Request) -> PublicContext:
    return PublicContext()


def instance_context(request: Request) -> InstanceContext:
    """Raises Unauthenticated."""
    signed_in(request)
    return InstanceContext()


def app_context(request: Request) -> AppContext:
    """Raises Unauthenticated; NotFound for an unknown app and, with a key bound to one app, for any other."""
    principal = signed_in(request)
    reference = request.matchdict["app"]
    app = AppService(request.db).find(reference) if "\x00" not in reference else None
    if app is None or principal.app_id not in (None, app.id):
        raise NotFound("There is no such app.")
    return AppContext(app, PrincipalService(request.db).role_in(principal.user_id, app.id))


def signed_in(request: Request) -> Principal:
    """Who asks. Raises Unauthenticated."""
    principal: Principal | None = request.identity
    if principal is None:
        raise Unauthenticated("Send an API key: `Authorization: Bearer pic_…`.")
    return principal
