"""Triggers by the clock."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "cron_trigger_details",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("overlap", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("missed IN ('run_once', 'skip')", name=op.f("ck_cron_trigger_details_missed")),
        sa.CheckConstraint("overlap IN ('skip', 'queue', 'allow')", name=op.f("ck_cron_trigger_details_overlap")),
        sa.ForeignKeyConstraint(
            ["trigger_id"],
            ["triggers.id"],
            name=op.f("fk_cron_trigger_details_trigger_id_triggers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("trigger_id", name=op.f("pk_cron_trigger_details")),
    )
    op.create_index(
        "ix_cron_trigger_details_next_at",
        "cron_trigger_details",
        ["next_at"],
        unique=False,
        postgresql_where="next_at IS NOT NULL",
    )


def downgrade() -> None:
    op.drop_table("cron_trigger_details")
