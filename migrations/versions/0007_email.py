"""Email triggers: widen the kinds, add details, signing secrets and dedupe keys."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

WIDENED = (
    (
        "triggers",
        "kind",
        ("kv", "cron", "dead_letter", "queue"),
        ("kv", "cron", "email", "dead_letter", "queue"),
    ),
    (
        "outbox",
        "source_kind",
        ("http", "kv", "cron", "dead_letter", "queue", "manual"),
        ("http", "kv", "cron", "email", "dead_letter", "queue", "manual"),
    ),
    (
        "events",
        "kind",
        ("http", "kv", "cron", "dead_letter", "queue", "manual"),
        ("http", "kv", "cron", "email", "dead_letter", "queue", "manual"),
    ),
    (
        "executions",
        "kind",
        ("http", "kv", "cron", "dead_letter", "queue", "manual"),
        ("http", "kv", "cron", "email", "dead_letter", "queue", "manual"),
    ),
)


def _allow(table: str, column: str, values: tuple[str, ...]) -> None:
    """NOT VALID, then VALIDATE: the check of old rows holds no lock that stops writers."""
    name = f"ck_{table}_{column}"
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({listed})) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def upgrade() -> None:
    for table, column, _, wide in WIDENED:
        _allow(table, column, wide)
    op.create_table(
        "email_trigger_details",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("ack_status", sa.Integer(), nullable=False),
        sa.CheckConstraint("ack_status IN (200, 202)", name=op.f("ck_email_trigger_details_ack_status")),
        sa.ForeignKeyConstraint(
            ["trigger_id"],
            ["triggers.id"],
            name=op.f("fk_email_trigger_details_trigger_id_triggers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("trigger_id", name=op.f("pk_email_trigger_details")),
    )
    op.create_table(
        "inbound_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["trigger_id"],
            ["triggers.id"],
            name=op.f("fk_inbound_secrets_trigger_id_triggers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_secrets")),
    )
    op.create_index(op.f("ix_inbound_secrets_trigger_id"), "inbound_secrets", ["trigger_id"], unique=False)
    op.create_table(
        "inbound_dedupe_keys",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["trigger_id"],
            ["triggers.id"],
            name=op.f("fk_inbound_dedupe_keys_trigger_id_triggers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("trigger_id", "key", name=op.f("pk_inbound_dedupe_keys")),
    )
    op.create_index(op.f("ix_inbound_dedupe_keys_created_at"), "inbound_dedupe_keys", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("inbound_dedupe_keys")
    op.drop_table("inbound_secrets")
    op.drop_table("email_trigger_details")
    for table, column, narrow, _ in WIDENED:
        _allow(table, column, narrow)
