"""Where an event comes from that somebody made out of another one."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("events", sa.Column("origin_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("events", "origin_id")
