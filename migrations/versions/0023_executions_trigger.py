"""What a trigger's last runs were is found without a look through the history."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

INDEX = "ix_executions_trigger_id_id"


def upgrade() -> None:
    op.create_index(
        INDEX, "executions", ["trigger_id", "id"], unique=False, postgresql_where=sa.text("trigger_id IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index(INDEX, "executions")
