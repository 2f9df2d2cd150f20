from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt, Id


class Secret(Base):
    """A value that handlers may read by name, sealed and bound to this row. It never comes out of the API."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("app_id", "name"),)

    id: Mapped[Id]
    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"))
    name: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
