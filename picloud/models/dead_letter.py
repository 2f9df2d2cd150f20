from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt, Id, Json, one_of
from picloud.models.outbox import DeliveryColumns

OUTCOMES = ("dead", "cancelled", "discarded")


class DeadLetter(DeliveryColumns, Base):
    """A delivery that ended without success. Its id is the delivery's; `event` is a copy: events go by age.

    `trace_id` stands beside the copy: PostgreSQL can't look into every JSON that it keeps. `version`: of the script, that
    failed last; None where it never ran. `closed_at`: since when nobody needs it, for it was cancelled or discarded. Of one
    that was cancelled, `due` is when it would have been tried, and `version` the one that had to run.
    """

    __tablename__ = "dead_letters"
    __table_args__ = (
        one_of("state", OUTCOMES),
        Index("ix_dead_letters_app_id_id", "app_id", "id"),
        Index("ix_dead_letters_closed_at", "closed_at", postgresql_where="closed_at IS NOT NULL"),
    )

    id: Mapped[Id]
    script_id: Mapped[UUID] = mapped_column(ForeignKey("scripts.id", ondelete="CASCADE"), index=True)
    state: Mapped[str]
    event: Mapped[Json]
    trace_id: Mapped[UUID | None]
    error: Mapped[Json]
    version: Mapped[int | None]
    failed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    due: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
