"""Events kept as samples of a script, and what a run asked its host for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("executions", sa.Column("host_calls", postgresql.JSON(astext_type=sa.Text()), nullable=True))
    op.create_table(
        "script_samples",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("script_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["script_id"], ["scripts.id"], name=op.f("fk_script_samples_script_id_scripts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_samples")),
        sa.UniqueConstraint("script_id", "name", name=op.f("uq_script_samples_script_id_name")),
    )


def downgrade() -> None:
    op.drop_table("script_samples")
    op.drop_column("executions", "host_calls")
