"""Email: attachments, and what came to a trigger's door."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("email_trigger_details", sa.Column("attachments", sa.Text(), server_default="store", nullable=False))
    op.add_column("email_trigger_details", sa.Column("quiet_after_s", sa.Float(), nullable=True))
    op.create_check_constraint(
        op.f("ck_email_trigger_details_attachments"),
        "email_trigger_details",
        "attachments IN ('store', 'meta', 'drop')",
    )
    op.create_table(
        "email_attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_attachments")),
        postgresql_partition_by="RANGE (id)",
    )
    op.execute("CREATE TABLE email_attachments_default PARTITION OF email_attachments DEFAULT")
    op.create_table(
        "inbound_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("body_bytes", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        _of_trigger("inbound_requests"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_requests")),
    )
    op.create_index(op.f("ix_inbound_requests_trigger_id"), "inbound_requests", ["trigger_id"], unique=False)
    op.create_table(
        "inbound_counters",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        _of_trigger("inbound_counters"),
        sa.PrimaryKeyConstraint("trigger_id", "outcome", name=op.f("pk_inbound_counters")),
    )


def downgrade() -> None:
    op.drop_table("inbound_counters")
    op.drop_table("inbound_requests")
    op.drop_table("email_attachments")
    op.drop_constraint(op.f("ck_email_trigger_details_attachments"), "email_trigger_details", type_="check")
    op.drop_column("email_trigger_details", "quiet_after_s")
    op.drop_column("email_trigger_details", "attachments")


def _of_trigger(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["trigger_id"], ["triggers.id"], name=op.f(f"fk_{table}_trigger_id_triggers"), ondelete="CASCADE"
    )
