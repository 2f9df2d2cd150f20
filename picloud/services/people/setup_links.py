from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from picloud.crypto import new_token, token_hash
from picloud.domain.errors import Conflict, Forbidden
from picloud.domain.kinds import InstanceRole
from picloud.models import SetupLink, User
from picloud.services.people.users import UserService

PREFIX = "pic_setup_"
VALID_FOR = timedelta(minutes=30)


class SetupLinkService:
    """Makes the first owner by a link that only who can look at the box's terminal has."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def issue(self) -> str | None:
        """The token of a new link, which ends all others; None as soon as there is an owner."""
        if UserService(self._session).has_owner():
            return None
        token = new_token(PREFIX)
        self._session.execute(delete(SetupLink))
        self._session.add(SetupLink(token_hash=token_hash(token), expires_at=func.now() + VALID_FOR))
        self._session.flush()
        return token

    def redeem(self, token: str, email: str, password: str) -> User:
        """The first owner; the link is used up. Raises Conflict, Forbidden, Invalid, Unavailable."""
        self._session.delete(self._usable(token))
        self._session.flush()
        return UserService(self._session).create(email, InstanceRole.OWNER, password)

    def _usable(self, token: str) -> SetupLink:
        """Locked: of two who use it at the same time one finds it gone."""
        if UserService(self._session).has_owner():
            raise Conflict("This PiCloud has an owner. Whoever wants in asks the owner.", code="has_owner")
        link = select(SetupLink).where(SetupLink.token_hash == token_hash(token), SetupLink.expires_at > func.now())
        found = self._session.scalars(link.with_for_update()).one_or_none()
        if found is None:
            raise Forbidden("The link is wrong, used or too old. `picloud admin setup-link` prints a new one.")
        return found
