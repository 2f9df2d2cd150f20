"""Deliveries in order: one at a time for each trigger and key."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("order_key", sa.Text(), nullable=True))
    op.create_index(
        "ix_outbox_order",
        "outbox",
        ["trigger_id", "order_key", "id"],
        postgresql_where=sa.text("order_key IS NOT NULL"),
    )
    op.create_index(
        "uq_outbox_order_running",
        "outbox",
        ["trigger_id", "order_key"],
        unique=True,
        postgresql_where=sa.text("order_key IS NOT NULL AND epoch IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_outbox_order_running", "outbox")
    op.drop_index("ix_outbox_order", "outbox")
    op.drop_column("outbox", "order_key")
