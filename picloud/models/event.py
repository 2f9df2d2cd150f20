from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import EventKind
from picloud.models.base import Base, Id, Json, one_of


class Event(Base):
    """Something that happened. Insert-only; partitioned by day over its id and dropped whole.

    `payload` is the part of `ctx.event` that is named after the kind. `origin_id`: the delivery whose event somebody edited
    to make this one.
    """

    __tablename__ = "events"
    __table_args__ = (one_of("kind", EventKind), {"postgresql_partition_by": "RANGE (id)"})

    id: Mapped[Id]
    app_id: Mapped[UUID]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    payload: Mapped[Json]
    trace_id: Mapped[UUID]
    depth: Mapped[int] = mapped_column(server_default="0")
    origin_id: Mapped[UUID | None]
