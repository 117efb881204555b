"""The parts of the audit log: of each partner a tree of its own entries, which heads commit to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the table. Entries of before are counted into it when the log is next opened (`service.audit.open_log`)."""
    op.create_table(
        "audit_parts",
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("kept_size", sa.BigInteger, nullable=False),
        sa.Column("kept_root", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("partner", name="pk_audit_parts"),
    )
    op.add_column("audit_heads", sa.Column("parts", sa.LargeBinary(32)))


def downgrade() -> None:
    """Drop them. Heads that commit to parts can no longer be verified: their signatures are over these as well."""
    op.drop_column("audit_heads", "parts")
    op.drop_table("audit_parts")
