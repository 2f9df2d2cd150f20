from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, BigInt, CreatedAt


class UserTotp(Base):
    """A user's second factor (RFC 6238), sealed. It counts once it is confirmed. `last_step`: the last code's time step."""

    __tablename__ = "user_totp"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[BigInt] = mapped_column(server_default=text("0"))
    recovery_hashes: Mapped[list[bytes]] = mapped_column(ARRAY(BYTEA), server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
