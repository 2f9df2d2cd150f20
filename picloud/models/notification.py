from datetime import datetime

from sqlalchemy import CheckConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.notices import Channel
from picloud.models.base import Base, CreatedAt, SmallInt, one_of


class NotificationSettings(Base):
    """Whom to tell of trouble, and of what: one row at most. `sealed`: the token, bound to the table."""

    __tablename__ = "notification_settings"
    __table_args__ = (one_of("channel", Channel), CheckConstraint("id = 1", name="id"))

    id: Mapped[SmallInt] = mapped_column(primary_key=True, autoincrement=False, server_default=text("1"))
    channel: Mapped[str]
    url: Mapped[str]
    sealed: Mapped[bytes | None]
    conditions: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    mail_silent_h: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Notice(Base):
    """A condition that holds. `changed_at`: the newest of its kind; `sent_at`: when it was told last, None for not yet;
    `error`: why it could not be."""

    __tablename__ = "notices"

    condition: Mapped[str] = mapped_column(primary_key=True)
    detail: Mapped[str]
    changed_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None]
    created_at: Mapped[CreatedAt]
