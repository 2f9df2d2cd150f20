from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.cron import Missed, Overlap
from picloud.models.base import Base, one_of


class CronTriggerDetails(Base):
    """When the script runs. `next_at`: the next time; None when there is none, or the trigger is off."""

    __tablename__ = "cron_trigger_details"
    __table_args__ = (
        one_of("missed", Missed),
        one_of("overlap", Overlap),
        Index("ix_cron_trigger_details_next_at", "next_at", postgresql_where="next_at IS NOT NULL"),
    )

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), primary_key=True)
    schedule: Mapped[str]
    timezone: Mapped[str]
    missed: Mapped[str]
    overlap: Mapped[str]
    next_at: Mapped[datetime | None]
