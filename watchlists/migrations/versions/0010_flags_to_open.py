"""Flags are opened after the answer: what a check leaves to be flagged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table. The flags of earlier checks are open already."""
    op.create_table(
        "flags_to_open",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("check_id", sa.String(36), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_flags_to_open"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_flags_to_open_partner_partners"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop it: what is in it is never opened. A service that is stopped leaves it empty."""
    op.drop_table("flags_to_open")
