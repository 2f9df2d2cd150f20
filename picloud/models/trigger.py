from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import DispatchMode, Priority, TriggerKind
from picloud.models.base import Base, CreatedAt, Id, one_of


class Trigger(Base):
    """What all kinds of triggers share. Each kind has a table of details, one row per trigger.

    A deleted one is kept for as long as it can be restored: `deleted_at`.
    """

    __tablename__ = "triggers"
    __table_args__ = (one_of("kind", TriggerKind), one_of("dispatch_mode", DispatchMode), one_of("priority", Priority))

    id: Mapped[Id]
    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    script_id: Mapped[UUID] = mapped_column(ForeignKey("scripts.id"), index=True)
    enabled: Mapped[bool]
    dispatch_mode: Mapped[str]
    max_attempts: Mapped[int]
    backoff_base_s: Mapped[float]
    backoff_cap_s: Mapped[float]
    timeout_s: Mapped[float]
    priority: Mapped[str] = mapped_column(server_default="normal")
    registered_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]
