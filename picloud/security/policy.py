"""Pyramid's security policy: an API key or a session says who asks, the context and the capability whether they may."""

from typing import Any
from uuid import UUID

from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request, RequestLocalCache
from pyramid.security import Allowed, Denied
from sqlalchemy.orm import Session
from zope.interface import implementer

from picloud.domain.access import INSTANCE_GRANTS, Capability
from picloud.domain.errors import Unauthenticated
from picloud.domain.kinds import InstanceRole
from picloud.models import App
from picloud.security.browser import SAFE_METHODS, check_csrf, session_token
from picloud.security.contexts import AppContext, InstanceContext
from picloud.services.principals import Principal, PrincipalService

_BEARER = "bearer "


@implementer(ISecurityPolicy)
class SecurityPolicy:
    def __init__(self) -> None:
        self._identities = RequestLocalCache(self._load_identity)

    def identity(self, request: Request) -> Principal | None:
        """Who asks, or None without credentials. Raises Unauthenticated for wrong ones."""
        principal: Principal | None = self._identities.get_or_create(request)
        return principal

    def authenticated_userid(self, request: Request) -> str | None:
        principal = self.identity(request)
        return str(principal.user_id) if principal else None

    def permits(self, request: Request, context: Any, permission: str) -> Allowed | Denied:
        principal = self.identity(request)
        if principal is None:
            return Denied("not signed in")
        capability = Capability(permission)
        if isinstance(context, AppContext):
            allowed = principal.may(capability, context.role)
        else:
            # A key for one app has nothing to do with the instance.
            own = capability in INSTANCE_GRANTS[InstanceRole.MEMBER]
            allowed = (
                isinstance(context, InstanceContext) and principal.may(capability) and (own or not principal.app_id)
            )
        return Allowed(permission) if allowed else Denied(f"needs {permission}")

    def remember(self, request: Request, userid: str, **options: Any) -> list[tuple[str, str]]:
        return []

    def forget(self, request: Request, **options: Any) -> list[tuple[str, str]]:
        return []

    def _load_identity(self, request: Request) -> Principal | None:
        return _authenticated(request, request.db)


def still_permits(request: Request, session: Session, app_id: UUID, capability: Capability) -> bool:
    """Whether who sent `request`, whose own transaction is long over, may still do it in the app.

    Without a commit the look is no use of the key or session: a forgotten tab keeps no session alive.
    """
    try:
        principal = _authenticated(request, session)
    except Unauthenticated:
        return False
    if principal is None or principal.app_id not in (None, app_id) or session.get(App, app_id) is None:
        return False
    return principal.may(capability, PrincipalService(session).role_in(principal.user_id, app_id))


def _authenticated(request: Request, session: Session) -> Principal | None:
    """Of a key and a cookie the key counts: other sites' pages can make a browser send cookies, but no header."""
    header: str = request.headers.get("Authorization", "")
    if not header:
        return _by_cookie(request, session)
    if not header.lower().startswith(_BEARER):
        raise Unauthenticated("The Authorization header has to be `Bearer pic_…`.")
    return PrincipalService(session).by_key(header[len(_BEARER) :].strip())


def _by_cookie(request: Request, session: Session) -> Principal | None:
    token = session_token(request)
    if token is None:
        return None
    principal = PrincipalService(session).by_session(token, request.registry["picloud.runtime"].settings.session_idle_s)
    if principal is not None and request.method not in SAFE_METHODS:
        check_csrf(request, token)
    return principal
