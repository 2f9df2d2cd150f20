from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import EventKind
from picloud.models.base import Base, BigInt, Id, Json, one_of


class ExecutionStatus(StrEnum):
    """How a run ended. `lost`: its node died or lost its lease before it could say."""

    OK = "ok"
    ERROR = "error"
    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    OUTPUT = "output"
    SYSCALL = "syscall"
    CRASH = "crash"
    PROTOCOL = "protocol"
    LOST = "lost"


class Execution(Base):
    """One run of one script version for one attempt. Insert-only; partitioned by day over its id.

    No foreign keys: history outlives what it names, and a partition is dropped whole. `event` is there where no row of
    `events` holds it (a call by HTTP). `max_attempts` shows a delivered delivery as it was.
    """

    __tablename__ = "executions"
    __table_args__ = (
        one_of("kind", EventKind),
        one_of("status", ExecutionStatus),
        Index("ix_executions_app_id_id", "app_id", "id"),
        Index("ix_executions_app_id_delivery_id", "app_id", "delivery_id"),
        # What a trigger did last is one look for each, whatever the history holds. Calls by HTTP have none.
        Index("ix_executions_trigger_id_id", "trigger_id", "id", postgresql_where="trigger_id IS NOT NULL"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[Id]
    app_id: Mapped[UUID]
    delivery_id: Mapped[UUID | None]
    event_id: Mapped[UUID]
    trigger_id: Mapped[UUID | None]
    script_id: Mapped[UUID]
    script: Mapped[str]
    version: Mapped[int | None]
    kind: Mapped[str]
    attempt: Mapped[int]
    max_attempts: Mapped[int]
    manual: Mapped[bool] = mapped_column(server_default="false")
    status: Mapped[str]
    started_at: Mapped[datetime]
    wall_ms: Mapped[float]
    cpu_ms: Mapped[float]
    memory_peak_bytes: Mapped[BigInt]
    limits: Mapped[Json]
    event: Mapped[Json | None]
    result: Mapped[Json | None]
    logs: Mapped[Json]
    error: Mapped[Json | None]
    trace_id: Mapped[UUID]
    host_calls: Mapped[Json | None]
