"""What can be taken back: a trigger's deletion, and a delivery's cancelling, which keeps when it was due."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("triggers", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("dead_letters", sa.Column("due", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM triggers WHERE deleted_at IS NOT NULL")
    op.drop_column("dead_letters", "due")
    op.drop_column("triggers", "deleted_at")
