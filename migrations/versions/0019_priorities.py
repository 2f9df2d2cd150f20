"""Priorities of triggers and deliveries, and the indexes of fair claims: what waits and what is held stand apart."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("triggers", sa.Column("priority", sa.Text(), server_default="normal", nullable=False))
    op.create_check_constraint(op.f("ck_triggers_priority"), "triggers", "priority IN ('high', 'normal', 'low')")
    for table in ("outbox", "dead_letters"):
        op.add_column(table, sa.Column("priority", sa.SmallInteger(), server_default="1", nullable=False))
    op.create_index("ix_outbox_due", "outbox", ["due"], postgresql_where=sa.text("epoch IS NULL"))
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["app_id", "script_id", "priority", "due", "id"],
        postgresql_where=sa.text("epoch IS NULL"),
    )
    op.create_index(
        "ix_outbox_held", "outbox", ["due", "app_id", "script_id"], postgresql_where=sa.text("epoch IS NOT NULL")
    )
    op.drop_index("ix_outbox_due_id", "outbox")
    op.drop_index("ix_outbox_script_id", "outbox")


def downgrade() -> None:
    op.create_index("ix_outbox_script_id", "outbox", ["script_id"])
    op.create_index("ix_outbox_due_id", "outbox", ["due", "id"])
    for index in ("ix_outbox_held", "ix_outbox_waiting", "ix_outbox_due"):
        op.drop_index(index, "outbox")
    for table in ("triggers", "dead_letters", "outbox"):
        op.drop_column(table, "priority")
