from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, BigInt, Id


class InboundRequest(Base):
    """One of the last requests at an email trigger, refused ones included. What is older is deleted with every write."""

    __tablename__ = "inbound_requests"

    id: Mapped[Id]
    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    status: Mapped[int]
    outcome: Mapped[str]
    """`accepted`, `duplicate`, `nothing`, or the problem's code."""
    detail: Mapped[str | None]
    body_bytes: Mapped[int]
    client: Mapped[str | None]
    delivery_id: Mapped[UUID | None]


class InboundCounter(Base):
    """How often requests at an email trigger ended so, and when last."""

    __tablename__ = "inbound_counters"

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[BigInt]
    last_at: Mapped[datetime]
