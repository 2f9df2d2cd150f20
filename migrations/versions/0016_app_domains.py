"""Host names of apps."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "app_domains",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_app_domains_app_id_apps"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_domains")),
        sa.UniqueConstraint("domain", name=op.f("uq_app_domains_domain")),
    )
    op.create_index(op.f("ix_app_domains_app_id"), "app_domains", ["app_id"])


def downgrade() -> None:
    op.drop_table("app_domains")
