from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from picloud.crypto import new_token, token_hash
from picloud.domain.errors import NotFound
from picloud.models import UserSession
from picloud.services.paging import Page, PageRequest, fetch

PREFIX = "pics_"
MAX_USER_AGENT_CHARS = 200
MAX_SESSIONS = 50
"""Of one user; the oldest end first."""


@dataclass(frozen=True, slots=True)
class Browser:
    """Who sits at the other end, as far as one can tell."""

    address: str
    user_agent: str = ""


class UserSessionService:
    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, user_id: UUID, browser: Browser, max_s: float) -> tuple[UserSession, str]:
        """The new row, and the token that only the browser keeps."""
        token = new_token(PREFIX)
        self._end_surplus(user_id)
        row = UserSession(
            user_id=user_id,
            token_hash=token_hash(token),
            address=browser.address,
            user_agent=browser.user_agent[:MAX_USER_AGENT_CHARS],
            expires_at=func.now() + timedelta(seconds=max_s),
        )
        self._session.add(row)
        self._session.flush()
        return row, token

    def list(self, user_id: UUID, page: PageRequest) -> Page[UserSession]:
        query = select(UserSession).where(UserSession.user_id == user_id, UserSession.expires_at > func.now())
        return fetch(self._session, query, UserSession.id, page)

    def delete(self, user_id: UUID, session_id: UUID | None) -> UserSession:
        """End one of the user's; what it was. Raises NotFound."""
        row = self._session.get(UserSession, session_id) if session_id else None
        if row is None or row.user_id != user_id:
            raise NotFound("You have no such session.")
        self._session.delete(row)
        return row

    def delete_all(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """All of the user's, except one."""
        self._session.execute(
            delete(UserSession).where(UserSession.user_id == user_id, UserSession.id.is_distinct_from(but))
        )

    def authenticated(self, session_id: UUID) -> None:
        """The user has just shown its password again."""
        now = func.now()
        self._session.execute(update(UserSession).where(UserSession.id == session_id).values(authenticated_at=now))

    def _end_surplus(self, user_id: UUID) -> None:
        """Also those that have expired, whoever's they are."""
        self._session.execute(delete(UserSession).where(UserSession.expires_at <= func.now()))
        own = select(UserSession.id).where(UserSession.user_id == user_id).order_by(UserSession.last_used_at.desc())
        self._session.execute(delete(UserSession).where(UserSession.id.in_(own.offset(MAX_SESSIONS - 1))))
