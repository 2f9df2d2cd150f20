"""Who is asking: from an API key to a principal."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from picloud.crypto import token_hash
from picloud.domain.access import Capability, Scope, covers, grants
from picloud.domain.errors import Unauthenticated
from picloud.domain.kinds import AppRole, InstanceRole
from picloud.models import ApiKey, AppMember, User

KEY_PREFIX = "pic_"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, or the user behind an API key. `app_id`: the one app that the key is bound to."""

    user_id: UUID
    email: str
    role: InstanceRole
    key_id: UUID | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    app_id: UUID | None = None
    key_expires_at: datetime | None = None

    def may(self, capability: Capability, app_role: AppRole | None = None) -> bool:
        """Whether the principal has `capability`, in an app where its user has `app_role`."""
        return grants(capability, self.role, app_role) and covers(self.scopes, capability)


class PrincipalService:
    def __init__(self, session: Session) -> None:
        self._session = session

    def by_key(self, key: str) -> Principal:
        """The principal that `key` stands for. Raises Unauthenticated, with one text for every cause."""
        query = (
            select(ApiKey, User)
            .join(User, User.id == ApiKey.user_id)
            .where(ApiKey.key_hash == token_hash(key), User.disabled_at.is_(None), _unexpired())
        )
        row = self._session.execute(query).one_or_none() if key.startswith(KEY_PREFIX) else None
        if row is None:
            raise Unauthenticated("The API key is unknown, has expired or belongs to a disabled user.")
        self._touch(row.ApiKey.id)
        scopes = frozenset(Scope(scope) for scope in row.ApiKey.scopes)
        role = InstanceRole(row.User.role)
        return Principal(
            row.User.id, row.User.email, role, row.ApiKey.id, scopes, row.ApiKey.app_id, row.ApiKey.expires_at
        )

    def role_in(self, user_id: UUID, app_id: UUID) -> AppRole | None:
        """The user's role in the app, or None."""
        role = self._session.scalar(
            select(AppMember.role).where(AppMember.user_id == user_id, AppMember.app_id == app_id)
        )
        return AppRole(role) if role else None

    def _touch(self, key_id: UUID) -> None:
        """Note the use, once a minute at most: it's for people, and a write per request is not."""
        stale = or_(
            ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 1)
        )
        self._session.execute(update(ApiKey).where(ApiKey.id == key_id, stale).values(last_used_at=func.now()))


def _unexpired() -> ColumnElement[bool]:
    return or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
