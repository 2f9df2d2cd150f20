"""Triggers: what all kinds share."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "triggers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("script_id", sa.Uuid(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("dispatch_mode", sa.Text(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("backoff_base_s", sa.Double(), nullable=False),
        sa.Column("backoff_cap_s", sa.Double(), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=False),
        sa.Column("registered_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("dispatch_mode IN ('async', 'sync')", name=op.f("ck_triggers_dispatch_mode")),
        sa.CheckConstraint("kind IN ('kv', 'cron', 'dead_letter', 'queue')", name=op.f("ck_triggers_kind")),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_triggers_app_id_apps"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["registered_by"], ["users.id"], name=op.f("fk_triggers_registered_by_users")),
        sa.ForeignKeyConstraint(["script_id"], ["scripts.id"], name=op.f("fk_triggers_script_id_scripts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
    )
    op.create_index(op.f("ix_triggers_app_id"), "triggers", ["app_id"], unique=False)
    op.create_index(op.f("ix_triggers_registered_by"), "triggers", ["registered_by"], unique=False)
    op.create_index(op.f("ix_triggers_script_id"), "triggers", ["script_id"], unique=False)


def downgrade() -> None:
    op.drop_table("triggers")
