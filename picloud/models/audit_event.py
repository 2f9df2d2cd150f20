from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt, Id


class AuditEvent(Base):
    """Who did what, on what, from where. Written in the transaction of the change, and never changed.

    No foreign keys: an event outlives the user and the app that it tells of.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_app_id", "app_id", "id"),
        Index("ix_audit_events_actor_id", "actor_id", "id"),
    )

    id: Mapped[Id]
    actor_id: Mapped[UUID | None]
    actor: Mapped[str]
    via: Mapped[str]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    action: Mapped[str]
    app_id: Mapped[UUID | None]
    target: Mapped[str]
    before: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    after: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    created_at: Mapped[CreatedAt]
