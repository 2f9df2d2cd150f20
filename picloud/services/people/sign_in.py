"""Signing in with a password, and showing it again. Each step is a short transaction of its own.

An attempt counts as failed from before it is looked at until it has succeeded, so nothing is gained by sending many at
once or by cutting the connection. No transaction is open while a password is hashed.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from picloud.crypto import MasterKey, password_matches
from picloud.domain.audit import Action, Actor
from picloud.domain.errors import Conflict, Unauthenticated
from picloud.models import User
from picloud.services.audit import AuditService
from picloud.services.people.sign_in_throttle import SignInThrottle
from picloud.services.people.totp import TotpService
from picloud.services.people.user_sessions import Browser, UserSessionService
from picloud.services.people.users import UserService

NO_OWNER = (
    "Nobody owns this PiCloud yet. On the box, run `picloud admin setup-link` and open the link that it prints, "
    "or run `picloud admin create you@example.com`."
)
MAX_EMAIL_CHARS = 254


@dataclass(frozen=True, slots=True)
class Credentials:
    email: str
    password: str
    totp: str | None = None
    """A code of the second factor, or a recovery code."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: User
    session_id: UUID
    token: str


class SignInService:
    """`request_id` names the request in the audit."""

    def __init__(
        self, sessions: sessionmaker[Session], master_key: MasterKey, browser: Browser, request_id: str
    ) -> None:
        self._sessions = sessions
        self._master_key = master_key
        self._browser = browser
        self._request_id = request_id

    def sign_in(self, given: Credentials, max_s: float) -> SignedIn:
        """A new session of `max_s` at most. Raises Conflict without an owner, TooManyRequests, Unauthenticated."""
        user = self._checked(given)
        with self._sessions.begin() as session:
            row, token = UserSessionService(session).create(user.id, self._browser, max_s)
            self._record(session, Action.SIGN_IN, user.email, user.id, via=f"session {row.id}")
            return SignedIn(user, row.id, token)

    def reauthenticate(self, given: Credentials, session_id: UUID) -> None:
        """Raises TooManyRequests, Unauthenticated."""
        user = self._checked(given)
        with self._sessions.begin() as session:
            UserSessionService(session).authenticated(session_id)
            self._record(session, Action.REAUTHENTICATE, user.email, user.id, via=f"session {session_id}")

    def _checked(self, given: Credentials) -> User:
        """Whose password this is. An unknown account and a wrong password look alike, and take as long."""
        email = given.email[:MAX_EMAIL_CHARS]
        with self._sessions.begin() as session:
            users = UserService(session)
            if not users.has_owner():
                raise Conflict(NO_OWNER, code="no_owner")
            user = users.by_email(email)
            self._throttle(session, email).take()
        right = password_matches(given.password, user.password_hash if user else None)
        if user is None or not right or user.disabled_at is not None:
            raise self._refused(email, user)
        self._check_second_factor(user, given.totp)
        with self._sessions.begin() as session:
            self._throttle(session, email).succeeded()
        return user

    def _check_second_factor(self, user: User, code: str | None) -> None:
        with self._sessions.begin() as session:
            factors = TotpService(session, self._master_key)
            wanted = factors.is_enabled(user.id)
            right = wanted and code is not None and factors.use(user.id, code)
        if wanted and code is None:
            with self._sessions.begin() as session:
                self._throttle(session, user.email).withdraw()
            raise Unauthenticated("Send the code of your second factor as `totp`.", code="totp_required")
        if wanted and not right:
            raise self._refused(user.email, user)

    def _refused(self, email: str, user: User | None) -> Unauthenticated:
        with self._sessions.begin() as session:
            self._record(session, Action.SIGN_IN_REFUSED, email, user.id if user else None, via="password")
        return Unauthenticated("The email, the password or the code is wrong.", code="wrong_credentials")

    def _throttle(self, session: Session, email: str) -> SignInThrottle:
        return SignInThrottle(session, email, self._browser.address)

    def _record(self, session: Session, action: Action, email: str, user_id: UUID | None, *, via: str) -> None:
        actor = Actor(email, via, user_id, self._browser.address, self._request_id)
        after = {"user_agent": self._browser.user_agent}
        AuditService(session).record(actor, action, user_id or email, after=after)
