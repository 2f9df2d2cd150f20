from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import RouteAccess
from picloud.models.base import Base, CreatedAt, Id, one_of


class Route(Base):
    """Method and path pattern of an app, served by a script."""

    __tablename__ = "routes"
    __table_args__ = (UniqueConstraint("app_id", "method", "path"), one_of("access", RouteAccess))

    id: Mapped[Id]
    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"))
    method: Mapped[str]
    path: Mapped[str]
    script_id: Mapped[UUID] = mapped_column(ForeignKey("scripts.id"), index=True)
    access: Mapped[str]
    created_at: Mapped[CreatedAt]
