"""Who is answerable for a request: its actor in the audit, and whether a password was shown lately enough."""

from typing import Any

from pyramid.request import Request

from picloud.domain.audit import Action, Actor, Values
from picloud.domain.errors import Forbidden
from picloud.security.contexts import AppContext, signed_in
from picloud.services.audit import AuditService


def actor(request: Request) -> Actor:
    """Raises Unauthenticated."""
    principal = signed_in(request)
    return Actor(principal.email, principal.via, principal.user_id, request.remote_addr, request.id)


def audit(
    request: Request, action: Action, target: object, before: Values | None = None, after: Values | None = None
) -> None:
    """Write down what this request changes, in its transaction; the app is that of its address.

    `before` and `after` are what the API shows of the thing, so no secret is in them; what did not change is left out.
    """
    context: Any = request.context
    app_id = context.app.id if isinstance(context, AppContext) else None
    AuditService(request.db).record(actor(request), action, target, app_id=app_id, before=before, after=after)


def need_fresh_sign_in(request: Request) -> None:
    """For what gives power away. A session has to have shown its password lately; a key stands for itself.

    Raises Forbidden.
    """
    if not signed_in(request).fresh:
        raise Forbidden("Show your password again: `POST /session/reauthenticate`.", code="reauthentication_required")
