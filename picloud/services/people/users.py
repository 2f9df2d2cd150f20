from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from picloud.crypto import hash_password
from picloud.domain.errors import Conflict, Forbidden, NotFound, invalid
from picloud.domain.kinds import InstanceRole
from picloud.models import Trigger, User
from picloud.services.paging import Page, PageRequest, fetch
from picloud.services.people.user_sessions import UserSessionService

MIN_PASSWORD_CHARS = 12
MAX_PASSWORD_CHARS = 1024


class UserService:
    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, page: PageRequest) -> Page[User]:
        return fetch(self._session, select(User), User.id, page)

    def get(self, user_id: UUID | None) -> User:
        """Raises NotFound."""
        user = self._session.get(User, user_id) if user_id else None
        if user is None:
            raise NotFound("There is no such user.")
        return user

    def by_email(self, email: str) -> User | None:
        return self._session.scalar(select(User).where(func.lower(User.email) == email.lower()))

    def has_owner(self) -> bool:
        return (
            self._session.scalars(select(User.id).where(User.role == InstanceRole.OWNER).limit(1)).first() is not None
        )

    def create(self, email: str, role: InstanceRole, password: str | None = None) -> User:
        """A new user; without a password only API keys sign it in. Raises Invalid, Conflict."""
        user = User(email=_checked_email(email), role=role)
        if password is not None:
            user.password_hash = hash_password(checked_password(password))
        try:
            with self._session.begin_nested():
                self._session.add(user)
        except IntegrityError:
            raise Conflict(f"There is a user {email} already.") from None
        self._session.refresh(user)
        return user

    def set_role(self, user: User, role: InstanceRole) -> None:
        """Raises Conflict when no owner would be left."""
        if user.role == InstanceRole.OWNER and role != InstanceRole.OWNER:
            self._need_another_owner(user)
        user.role = role

    def set_disabled(self, user: User, disabled: bool, now: datetime) -> None:
        """A disabled user's keys stop at once, and its sessions end. Raises Conflict when no owner would be left."""
        if disabled and user.role == InstanceRole.OWNER:
            self._need_another_owner(user)
        user.disabled_at = (user.disabled_at or now) if disabled else None
        if disabled:
            UserSessionService(self._session).delete_all(user.id)

    def set_password(self, user: User, password: str, *, kept_session: UUID | None = None) -> None:
        """Also ends the user's sessions, but for one. Raises Invalid, Unavailable."""
        user.password_hash = hash_password(checked_password(password))
        UserSessionService(self._session).delete_all(user.id, but=kept_session)

    def delete(self, user: User) -> None:
        """Raises Conflict when triggers run as this user, or no owner would be left."""
        if user.role == InstanceRole.OWNER:
            self._need_another_owner(user)
        try:
            with self._session.begin_nested():
                self._session.execute(
                    delete(Trigger).where(Trigger.registered_by == user.id, Trigger.deleted_at.is_not(None))
                )
                self._session.delete(user)
        except IntegrityError:
            raise Conflict("Triggers run as this user. Disable it instead, or register them anew first.") from None

    def _need_another_owner(self, user: User) -> None:
        others = select(User.id).where(User.role == InstanceRole.OWNER, User.disabled_at.is_(None), User.id != user.id)
        # Locked, so that two owners can't remove each other at the same time.
        if not self._session.scalars(others.with_for_update()).all():
            raise Conflict("This is the last owner. Make another user owner first.")


def may_grant(actor: InstanceRole, role: InstanceRole) -> None:
    """Only an owner makes or changes owners. Raises Forbidden."""
    if role == InstanceRole.OWNER and actor != InstanceRole.OWNER:
        raise Forbidden("Only an owner may do this to an owner.")


def _checked_email(email: str) -> str:
    local, _, domain = email.partition("@")
    if not local or not domain or len(email) > 254 or any(c.isspace() or not c.isprintable() for c in email):
        raise invalid("/email", "has to be an email address, such as ada@example.com")
    return email


def checked_password(password: str) -> str:
    """`password`, which may be anything long enough (NIST SP 800-63B, 5.1.1.2). Raises Invalid."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise invalid("/password", f"has to have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    return password
