"""Who is asking: from an API key or a browser's session to a principal."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from picloud.crypto import token_hash
from picloud.domain.access import Capability, Scope, covers, grants
from picloud.domain.errors import Unauthenticated
from picloud.domain.kinds import AppRole, InstanceRole
from picloud.models import ApiKey, AppMember, User, UserSession

KEY_PREFIX = "pic_"
REAUTHENTICATION_S = 600
"""For so long after its password was shown a session may do what gives power away: keys, members, users."""
_TOUCHED_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, or the user behind an API key or a session. `app_id`: the one app that the key is bound to.

    `fresh`: nobody has to show a password now: a key is in use, or the session's was shown lately.
    """

    user_id: UUID
    email: str
    role: InstanceRole
    key_id: UUID | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    app_id: UUID | None = None
    key_expires_at: datetime | None = None
    key_prefix: str = ""
    session_id: UUID | None = None
    fresh: bool = True

    def may(self, capability: Capability, app_role: AppRole | None = None) -> bool:
        """Whether the principal has `capability`, in an app where its user has `app_role`."""
        by_means = self.key_id is None or covers(self.scopes, capability)
        return by_means and grants(capability, self.role, app_role)

    @property
    def via(self) -> str:
        """By what it got in, for the audit."""
        return f"key {self.key_prefix}" if self.key_id else f"session {self.session_id}"


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
        self._touch(ApiKey, ApiKey.id == row.ApiKey.id, ApiKey.last_used_at)
        return Principal(
            row.User.id,
            row.User.email,
            InstanceRole(row.User.role),
            row.ApiKey.id,
            frozenset(Scope(scope) for scope in row.ApiKey.scopes),
            row.ApiKey.app_id,
            row.ApiKey.expires_at,
            row.ApiKey.prefix,
        )

    def by_session(self, token: str, idle_s: float) -> Principal | None:
        """The principal of a session that is not over, or None."""
        fresh = UserSession.authenticated_at > func.now() - timedelta(seconds=REAUTHENTICATION_S)
        query = (
            select(UserSession.id, User, fresh.label("fresh"))
            .join(User, User.id == UserSession.user_id)
            .where(
                UserSession.token_hash == token_hash(token),
                UserSession.expires_at > func.now(),
                UserSession.last_used_at > func.now() - timedelta(seconds=idle_s),
                User.disabled_at.is_(None),
            )
        )
        row = self._session.execute(query).one_or_none()
        if row is None:
            return None
        self._touch(UserSession, UserSession.id == row.id, UserSession.last_used_at)
        return Principal(row.User.id, row.User.email, InstanceRole(row.User.role), session_id=row.id, fresh=row.fresh)

    def role_in(self, user_id: UUID, app_id: UUID) -> AppRole | None:
        """The user's role in the app, or None."""
        role = self._session.scalar(
            select(AppMember.role).where(AppMember.user_id == user_id, AppMember.app_id == app_id)
        )
        return AppRole(role) if role else None

    def _touch(self, table: type[Any], row: ColumnElement[bool], column: InstrumentedAttribute[Any]) -> None:
        """Note the use, once a minute at most: it's for people, and a write per request is not."""
        stale = or_(column.is_(None), column < func.now() - _TOUCHED_AGAIN_AFTER)
        free = select(table.id).where(row, stale).with_for_update(skip_locked=True)  # waits for no other request
        self._session.execute(update(table).where(table.id.in_(free)).values({column.key: func.now()}))


def _unexpired() -> ColumnElement[bool]:
    return or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
