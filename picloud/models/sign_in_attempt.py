from datetime import datetime

from sqlalchemy import func, text
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base


class SignInAttempts(Base):
    """What failed lately, by account, by address and by both. `key` is a hash: no address or email is kept here."""

    __tablename__ = "sign_in_attempts"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    blocked_until: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
