"""Triggers on dead letters."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "dead_letter_trigger_details",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=True),
        sa.Column("source_trigger_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "source_kind IN ('http', 'kv', 'cron', 'email', 'dead_letter', 'queue', 'manual')",
            name=op.f("ck_dead_letter_trigger_details_source_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["source_trigger_id"],
            ["triggers.id"],
            name=op.f("fk_dead_letter_trigger_details_source_trigger_id_triggers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["trigger_id"],
            ["triggers.id"],
            name=op.f("fk_dead_letter_trigger_details_trigger_id_triggers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("trigger_id", name=op.f("pk_dead_letter_trigger_details")),
    )
    op.create_index(
        op.f("ix_dead_letter_trigger_details_source_trigger_id"),
        "dead_letter_trigger_details",
        ["source_trigger_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("dead_letter_trigger_details")
