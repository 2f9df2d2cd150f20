from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base


class QueueTriggerDetails(Base):
    __tablename__ = "queue_trigger_details"

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), primary_key=True)
    queue: Mapped[str]
