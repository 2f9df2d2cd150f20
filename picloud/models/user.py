from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from picloud.domain.kinds import InstanceRole
from picloud.models.base import Base, CreatedAt, Id, one_of


class User(Base):
    """A person, or a service's account. Without a password only API keys sign it in."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("role", InstanceRole),
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
    )

    id: Mapped[Id]
    email: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
