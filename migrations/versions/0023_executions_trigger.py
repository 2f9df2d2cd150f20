"""What a trigger's last runs were is found without a look through the history."""

from alembic import op

from picloud.models import online_index

revision = "0023"
down_revision = "0022"

TABLE, COLUMNS = "executions", "trigger_id, id"


def upgrade() -> None:
    online_index.create_index(TABLE, COLUMNS, where="trigger_id IS NOT NULL")


def downgrade() -> None:
    op.drop_index(online_index.index_name(TABLE, COLUMNS), TABLE)
