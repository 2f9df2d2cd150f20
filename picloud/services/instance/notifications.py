"""Whom to tell of trouble: the settings, and what is to be told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey, UnsealError
from picloud.domain.errors import NotFound, Unavailable, invalid
from picloud.domain.notices import Channel, Condition
from picloud.models import Notice, NotificationSettings
from picloud.outbound.allow import parse_entry
from picloud.outbound.errors import OutboundRefused
from picloud.outbound.target import Target, parse_url
from picloud.services.keyring.master_keys import seal

BINDING = "notification_settings:1"
TOKEN_MAX_BYTES = 4096
_ROW = 1


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to, opened. `token`: sent as a bearer."""

    channel: Channel
    url: str
    token: str | None


class NotificationService:
    def __init__(self, session: Session, master_key: MasterKey) -> None:
        self._session = session
        self._master_key = master_key

    def find(self) -> NotificationSettings | None:
        return self._session.get(NotificationSettings, _ROW)

    def put(
        self, channel: Channel, url: str, conditions: Collection[Condition], mail_silent_h: int
    ) -> NotificationSettings:
        """Set all but the token: one that is there stays, unless it would go elsewhere now. Raises Invalid."""
        target = _checked(url)
        row = self.find() or NotificationSettings(id=_ROW)
        if row.sealed and (target.origin != _checked(row.url).origin or target.scheme != "https"):
            row.sealed = None
        row.channel, row.url = channel, url
        row.conditions, row.mail_silent_h = sorted(set(conditions)), mail_silent_h
        row.updated_at = func.now()
        self._session.add(row)
        self._session.execute(delete(Notice).where(Notice.condition.not_in(row.conditions)))
        self._session.flush()
        self._session.refresh(row)
        return row

    def set_token(self, row: NotificationSettings, token: str | None) -> None:
        """Raises Invalid."""
        if token is not None and not (token.isascii() and token.isprintable() and 0 < len(token) <= TOKEN_MAX_BYTES):
            raise invalid("/token", f"has to be 1 to {TOKEN_MAX_BYTES} printable ASCII characters")
        if token is not None and _checked(row.url).scheme != "https":
            raise invalid("/token", "would be read by anybody on the way: give an https url with it")
        row.sealed = (token and seal(self._session, self._master_key, token.encode(), bound_to=BINDING)) or None
        self._session.flush()

    def delete(self) -> None:
        """Raises NotFound."""
        row = self.find()
        if row is None:
            raise NotFound("Nobody is told of anything.")
        self._session.delete(row)
        self._session.execute(delete(Notice))
        self._session.flush()

    def notices(self) -> Sequence[Notice]:
        """What holds, oldest first."""
        return self._session.scalars(select(Notice).order_by(Notice.created_at)).all()

    def destination(self) -> Destination:
        """Raises NotFound, Unavailable."""
        row = self.find()
        if row is None:
            raise NotFound("Nobody is told of anything: say where to first.")
        try:
            token = row.sealed and self._master_key.unseal(row.sealed, bound_to=BINDING).decode()
        except UnsealError:
            raise Unavailable("The token can't be read.", code="secret_unreadable") from None
        return Destination(Channel(row.channel), row.url, token or None)


def _checked(url: str) -> Target:
    """Raises Invalid."""
    try:
        target = parse_url(url)
        parse_entry(f"{target.host}:{target.port}")
    except OutboundRefused as refused:
        raise invalid("/url", refused.message) from None
    return target
