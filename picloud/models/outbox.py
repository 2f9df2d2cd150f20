from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from picloud.domain.kinds import EventKind
from picloud.models.base import Base, BigInt, CreatedAt, Id, SmallInt, one_of


class DeliveryColumns:
    """What a delivery carries from the outbox to the dead letters: nothing is resolved at dispatch time.

    `policy_attempts`: how many attempts the policy grants, and each replay again; `max_attempts` is where they end.
    `priority`: the place of the trigger's among the members of Priority.
    """

    app_id: Mapped[UUID] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"))
    event_id: Mapped[UUID]
    source_kind: Mapped[str]
    trigger_id: Mapped[UUID | None]
    principal_id: Mapped[UUID | None]
    attempt: Mapped[int] = mapped_column(server_default="0")
    max_attempts: Mapped[int]
    policy_attempts: Mapped[int]
    backoff_base_s: Mapped[float]
    backoff_cap_s: Mapped[float]
    timeout_s: Mapped[float]
    priority: Mapped[SmallInt] = mapped_column(server_default="1")
    order_key: Mapped[str | None]


class Outbox(DeliveryColumns, Base):
    """Live deliveries only: a row leaves when its delivery ends.

    `due`: before it, wait; for a row held by the node `epoch`, the end of its lease. `attempt` counts at claim,
    so that a delivery which kills its node ends as well. Of the deliveries of one trigger with the same `order_key` only
    the oldest may run. `pinned_version`: of the script, that has to run instead of the active one.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("source_kind", EventKind),
        # What waits, in the order of its claims; and what nodes hold. A claim moves a row from one to the other.
        Index("ix_outbox_waiting", "app_id", "script_id", "priority", "due", "id", postgresql_where="epoch IS NULL"),
        Index("ix_outbox_due", "due", postgresql_where="epoch IS NULL"),
        Index("ix_outbox_held", "due", "app_id", "script_id", postgresql_where="epoch IS NOT NULL"),
        Index("ix_outbox_app_id_id", "app_id", "id"),
        Index("ix_outbox_order", "trigger_id", "order_key", "id", postgresql_where="order_key IS NOT NULL"),
        Index(
            "uq_outbox_order_running",
            "trigger_id",
            "order_key",
            unique=True,
            postgresql_where="order_key IS NOT NULL AND epoch IS NOT NULL",
        ),
        {
            # Every row is updated once and deleted soon: leave room on the page, and vacuum by count, not by share.
            "postgresql_with": {
                "fillfactor": "70",
                "autovacuum_vacuum_scale_factor": "0",
                "autovacuum_vacuum_threshold": "1000",
            }
        },
    )

    id: Mapped[Id]
    script_id: Mapped[UUID] = mapped_column(ForeignKey("scripts.id"))
    due: Mapped[datetime] = mapped_column(server_default=func.now())
    epoch: Mapped[BigInt | None]
    manual: Mapped[bool] = mapped_column(server_default="false")
    pinned_version: Mapped[int | None]
    created_at: Mapped[CreatedAt]
