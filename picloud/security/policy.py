"""Pyramid's security policy: an API key says who asks, the context and the capability whether they may."""

from typing import Any

from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request, RequestLocalCache
from pyramid.security import Allowed, Denied
from zope.interface import implementer

from picloud.domain.access import Capability
from picloud.domain.errors import Unauthenticated
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
            own = capability in (Capability.SELF_READ, Capability.SELF_MANAGE_KEYS)
            allowed = (
                isinstance(context, InstanceContext) and principal.may(capability) and (own or not principal.app_id)
            )
        return Allowed(permission) if allowed else Denied(f"needs {permission}")

    def remember(self, request: Request, userid: str, **options: Any) -> list[tuple[str, str]]:
        return []

    def forget(self, request: Request, **options: Any) -> list[tuple[str, str]]:
        return []

    def _load_identity(self, request: Request) -> Principal | None:
        header: str = request.headers.get("Authorization", "")
        if not header:
            return None
        if not header.lower().startswith(_BEARER):
            raise Unauthenticated("The Authorization header has to be `Bearer pic_…`.")
        return PrincipalService(request.db).by_key(header[len(_BEARER) :].strip())
