from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, BigInt, Json


class KvEntry(Base):
    """One value of an app's store. An entry past `expires_at` is not there, though its row may be."""

    __tablename__ = "kv_entries"
    __table_args__ = (Index("ix_kv_entries_expires_at", "expires_at", postgresql_where="expires_at IS NOT NULL"),)

    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True)
    collection: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    value: Mapped[Json]
    version: Mapped[BigInt]
    size_bytes: Mapped[int]
    expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class KvUsage(Base):
    """What an app's store holds, counted with every change in its transaction."""

    __tablename__ = "kv_usage"

    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True)
    entries: Mapped[BigInt] = mapped_column(server_default="0")
    size_bytes: Mapped[BigInt] = mapped_column(server_default="0")
