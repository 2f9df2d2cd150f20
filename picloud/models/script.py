from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import ScriptKind
from picloud.models.base import Base, CreatedAt, Id, one_of


class Script(Base):
    """A named piece of handler code in an app. Its source stands in its versions."""

    __tablename__ = "scripts"
    __table_args__ = (UniqueConstraint("app_id", "name"), one_of("kind", ScriptKind))

    id: Mapped[Id]
    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"))
    name: Mapped[str]
    kind: Mapped[str]
    active_version: Mapped[int]
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ScriptVersion(Base):
    """An immutable saved state of a script."""

    __tablename__ = "script_versions"

    script_id: Mapped[UUID] = mapped_column(ForeignKey("scripts.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]
    message: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[CreatedAt]
