from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import AppRole
from picloud.models.base import Base, CreatedAt, Id, one_of

ISOLATIONS = ("reuse", "per_event")


class App(Base):
    """A tenant: owns scripts, routes, triggers, data, secrets, keys."""

    __tablename__ = "apps"
    __table_args__ = (one_of("isolation", ISOLATIONS),)

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    http_allow: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    isolation: Mapped[str] = mapped_column(server_default="reuse")
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]


class AppMember(Base):
    """What a user may do in an app."""

    __tablename__ = "app_members"
    __table_args__ = (one_of("role", AppRole),)

    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str]
    created_at: Mapped[CreatedAt]
