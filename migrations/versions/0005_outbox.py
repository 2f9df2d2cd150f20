"""Events, the outbox and the dead letters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("node_epoch")))
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("depth", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "kind IN ('http', 'kv', 'cron', 'dead_letter', 'queue', 'manual')", name=op.f("ck_events_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("script_id", sa.Uuid(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("manual", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=True),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("policy_attempts", sa.Integer(), nullable=False),
        sa.Column("backoff_base_s", sa.Double(), nullable=False),
        sa.Column("backoff_cap_s", sa.Double(), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "source_kind IN ('http', 'kv', 'cron', 'dead_letter', 'queue', 'manual')",
            name=op.f("ck_outbox_source_kind"),
        ),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_outbox_app_id_apps"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["script_id"], ["scripts.id"], name=op.f("fk_outbox_script_id_scripts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        postgresql_with={
            "fillfactor": "70",
            "autovacuum_vacuum_scale_factor": "0",
            "autovacuum_vacuum_threshold": "1000",
        },
    )
    op.create_index("ix_outbox_app_id_id", "outbox", ["app_id", "id"], unique=False)
    op.create_index("ix_outbox_due_id", "outbox", ["due", "id"], unique=False)
    op.create_index(op.f("ix_outbox_script_id"), "outbox", ["script_id"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("script_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("event", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=True),
        sa.Column("error", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=True),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("policy_attempts", sa.Integer(), nullable=False),
        sa.Column("backoff_base_s", sa.Double(), nullable=False),
        sa.Column("backoff_cap_s", sa.Double(), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=False),
        sa.CheckConstraint("state IN ('dead', 'cancelled', 'discarded')", name=op.f("ck_dead_letters_state")),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_dead_letters_app_id_apps"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["script_id"], ["scripts.id"], name=op.f("fk_dead_letters_script_id_scripts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index("ix_dead_letters_app_id_id", "dead_letters", ["app_id", "id"], unique=False)
    op.create_index(op.f("ix_dead_letters_script_id"), "dead_letters", ["script_id"], unique=False)
    op.execute("CREATE TABLE events_default PARTITION OF events DEFAULT")


def downgrade() -> None:
    op.drop_table("dead_letters")
    op.drop_table("outbox")
    op.drop_table("events")
    op.execute(sa.schema.DropSequence(sa.Sequence("node_epoch")))
