"""The store of apps, and what it holds for each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "kv_entries",
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("value", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_kv_entries_app_id_apps"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("app_id", "collection", "key", name=op.f("pk_kv_entries")),
    )
    op.create_index(
        "ix_kv_entries_expires_at",
        "kv_entries",
        ["expires_at"],
        unique=False,
        postgresql_where="expires_at IS NOT NULL",
    )
    op.create_table(
        "kv_usage",
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("entries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_kv_usage_app_id_apps"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("app_id", name=op.f("pk_kv_usage")),
    )


def downgrade() -> None:
    op.drop_table("kv_usage")
    op.drop_table("kv_entries")
