"""A dead letter knows its order key, so that its replay keeps to the order."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("order_key", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("dead_letters", "order_key")
