"""Webhooks: where partners are told, what is signed with, what was sent, and who delivers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from watchlists.schema import UtcDateTime

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the tables. Nobody is told anywhere yet."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("delivered", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", UtcDateTime),
        sa.Column("next_try_at", UtcDateTime),
        sa.Column("paused_at", UtcDateTime),
        sa.Column("parked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_webhooks_partner_partners"),
    )
    op.create_index("webhooks_by_name", "webhooks", ["partner", "name"], unique=True)
    op.create_table(
        "webhook_secrets",
        sa.Column("webhook", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("scheme", sa.String(8), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("ends_at", UtcDateTime),
        sa.PrimaryKeyConstraint("webhook", "number", name="pk_webhook_secrets"),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name="fk_webhook_secrets_webhook_webhooks"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_webhook_secrets_partner_partners"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("first_at", UtcDateTime, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("status", sa.Integer),
        sa.PrimaryKeyConstraint("webhook", "number", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_webhooks"),
    )
    op.create_index("webhook_deliveries_by_age", "webhook_deliveries", ["last_at"])
    op.create_table(
        "webhook_turn",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(36), nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_turn"),
        sa.CheckConstraint("id = 1", name="ck_webhook_turn_single_row"),
    )


def downgrade() -> None:
    """Drop them: partners fetch their notices, as before."""
    for table in ("webhook_turn", "webhook_deliveries", "webhook_secrets", "webhooks"):
        op.drop_table(table)
