from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt, Id


class IdempotentAnswer(Base):
    """The answer to a request with an Idempotency-Key, kept for a day. It may hold a secret shown once, so it is sealed.

    `body_hash`: of the request's body.
    """

    __tablename__ = "idempotent_answers"
    __table_args__ = (
        UniqueConstraint("user_id", "path", "key"),
        Index("ix_idempotent_answers_created_at", "created_at"),
    )

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    path: Mapped[str]
    key: Mapped[str]
    body_hash: Mapped[bytes]
    sealed: Mapped[bytes]
    created_at: Mapped[CreatedAt]
