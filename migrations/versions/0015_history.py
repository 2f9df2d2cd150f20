"""History: pinned versions, the ends of dead letters, and dedupe keys by day."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

KEYS = "inbound_dedupe_keys"
# NUL, and what may be half of a surrogate pair: PostgreSQL can't search JSON that holds them.
UNSEARCHABLE = r"\\u(0000|d[89a-f][0-9a-f]{2})"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("pinned_version", sa.Integer(), nullable=True))
    op.add_column("dead_letters", sa.Column("version", sa.Integer(), nullable=True))
    op.add_column("dead_letters", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE dead_letters SET closed_at = failed_at WHERE state <> 'dead'")
    op.execute(
        rf"UPDATE dead_letters SET error = regexp_replace(error::text, '{UNSEARCHABLE}', '\\ufffd', 'gi')::json"
        f" WHERE error::text ~* '{UNSEARCHABLE}'"
    )
    op.create_index(
        "ix_dead_letters_closed_at",
        "dead_letters",
        ["closed_at"],
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )
    _replace_keys(
        sa.PrimaryKeyConstraint("trigger_id", "key", "delivery_id", name=op.f(f"pk_{KEYS}")),
        postgresql_partition_by="RANGE (delivery_id)",
    )


def downgrade() -> None:
    _replace_keys(
        sa.ForeignKeyConstraint(
            ["trigger_id"], ["triggers.id"], name=op.f(f"fk_{KEYS}_trigger_id_triggers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trigger_id", "key", name=op.f(f"pk_{KEYS}")),
    )
    op.create_index(op.f(f"ix_{KEYS}_created_at"), KEYS, ["created_at"], unique=False)
    op.drop_index("ix_dead_letters_closed_at", "dead_letters")
    op.drop_column("dead_letters", "closed_at")
    op.drop_column("dead_letters", "version")
    op.drop_column("outbox", "pinned_version")


def _replace_keys(*constraints: sa.Constraint, **options: str) -> None:
    """Make the table anew and keep what still counts: the newest row of each key, of triggers that are there."""
    op.execute(
        "CREATE TEMPORARY TABLE kept_keys ON COMMIT DROP AS"
        f" SELECT DISTINCT ON (trigger_id, key) trigger_id, key, delivery_id, created_at FROM {KEYS}"
        " WHERE created_at > now() - interval '7 days' AND trigger_id IN (SELECT id FROM triggers)"
        " ORDER BY trigger_id, key, created_at DESC"
    )
    op.drop_table(KEYS)
    op.create_table(
        KEYS,
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *constraints,
        **options,
    )
    if options:
        op.execute(f"CREATE TABLE {KEYS}_default PARTITION OF {KEYS} DEFAULT")
    op.execute(
        f"INSERT INTO {KEYS} (trigger_id, key, delivery_id, created_at)"
        " SELECT trigger_id, key, delivery_id, created_at FROM kept_keys"
    )
