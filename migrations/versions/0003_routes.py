"""Routes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "routes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("script_id", sa.Uuid(), nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("access IN ('public', 'key')", name=op.f("ck_routes_access")),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_routes_app_id_apps"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["script_id"], ["scripts.id"], name=op.f("fk_routes_script_id_scripts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routes")),
        sa.UniqueConstraint("app_id", "method", "path", name=op.f("uq_routes_app_id_method_path")),
    )
    op.create_index(op.f("ix_routes_script_id"), "routes", ["script_id"], unique=False)


def downgrade() -> None:
    op.drop_table("routes")
