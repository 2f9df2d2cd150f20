"""Executions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "executions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=True),
        sa.Column("script_id", sa.Uuid(), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("manual", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wall_ms", sa.Double(), nullable=False),
        sa.Column("cpu_ms", sa.Double(), nullable=False),
        sa.Column("memory_peak_bytes", sa.BigInteger(), nullable=False),
        sa.Column("limits", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("event", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("logs", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("error", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('http', 'kv', 'cron', 'dead_letter', 'queue', 'manual')",
            name=op.f("ck_executions_kind"),
        ),
        sa.CheckConstraint(
            "status IN ('ok', 'error', 'cpu', 'wall', 'memory', 'output', 'syscall', 'crash', 'protocol', 'lost')",
            name=op.f("ck_executions_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_executions_app_id_id", "executions", ["app_id", "id"], unique=False)
    op.create_index("ix_executions_app_id_delivery_id", "executions", ["app_id", "delivery_id"], unique=False)
    op.execute("CREATE TABLE executions_default PARTITION OF executions DEFAULT")


def downgrade() -> None:
    op.drop_table("executions")
