from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt, Id


class AppDomain(Base):
    """A host name whose requests go to the app's routes."""

    __tablename__ = "app_domains"

    id: Mapped[Id]
    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"), index=True)
    domain: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
