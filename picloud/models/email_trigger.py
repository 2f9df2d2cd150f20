from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import AttachmentPolicy
from picloud.models.base import Base, CreatedAt, Id, one_of


class EmailTriggerDetails(Base):
    __tablename__ = "email_trigger_details"
    __table_args__ = (
        CheckConstraint("ack_status IN (200, 202)", name="ack_status"),
        one_of("attachments", AttachmentPolicy),
    )

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), primary_key=True)
    provider: Mapped[str]
    ack_status: Mapped[int]
    attachments: Mapped[str] = mapped_column(server_default=AttachmentPolicy.STORE)
    quiet_after_s: Mapped[float | None]
    """Without a mail for so long the trigger shows a condition."""


class InboundSecret(Base):
    """A signing secret of an email trigger, sealed and bound to this row. Old ones have an end."""

    __tablename__ = "inbound_secrets"

    id: Mapped[Id]
    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class InboundDedupeKey(Base):
    """A mail that was accepted on a trigger, and the delivery it became. Insert-only; partitioned by day over that id.

    No foreign key: a day is dropped whole, without a lock on the triggers.
    """

    __tablename__ = "inbound_dedupe_keys"
    __table_args__ = ({"postgresql_partition_by": "RANGE (delivery_id)"},)

    trigger_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[CreatedAt]
