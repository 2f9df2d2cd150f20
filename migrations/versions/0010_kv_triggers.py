"""Triggers on changes of the store."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "kv_trigger_details",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("collection_glob", sa.Text(), nullable=False),
        sa.Column("key_glob", sa.Text(), nullable=False),
        sa.Column("ops", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.ForeignKeyConstraint(
            ["trigger_id"], ["triggers.id"], name=op.f("fk_kv_trigger_details_trigger_id_triggers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trigger_id", name=op.f("pk_kv_trigger_details")),
    )


def downgrade() -> None:
    op.drop_table("kv_trigger_details")
