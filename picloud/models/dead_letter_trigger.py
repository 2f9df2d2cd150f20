from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import EventKind
from picloud.models.base import Base, one_of


class DeadLetterTriggerDetails(Base):
    """Whose dead letters make the script run: of one kind, of one trigger, or of all (None)."""

    __tablename__ = "dead_letter_trigger_details"
    __table_args__ = (one_of("source_kind", EventKind),)

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), primary_key=True)
    source_kind: Mapped[str | None]
    source_trigger_id: Mapped[UUID | None] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), index=True)
