from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt, Id, Json


class ScriptSample(Base):
    """An event that somebody kept to try the script out with."""

    __tablename__ = "script_samples"
    __table_args__ = (UniqueConstraint("script_id", "name", name="uq_script_samples_script_id_name"),)

    id: Mapped[Id]
    script_id: Mapped[UUID] = mapped_column(ForeignKey("scripts.id", ondelete="CASCADE"))
    name: Mapped[str]
    kind: Mapped[str]
    event: Mapped[Json]
    created_at: Mapped[CreatedAt]
