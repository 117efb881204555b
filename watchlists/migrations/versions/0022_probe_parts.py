"""Kept probes are written in parts of one size, under one data key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Destroy what was kept whole: it is short-lived, and looked at in parts alone."""
    op.execute(sa.text("DELETE FROM kept_probes"))
    op.create_table(
        "kept_probe_parts",
        sa.Column("flag_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("flag_id", "number", name="pk_kept_probe_parts"),
    )


def downgrade() -> None:
    """Destroy them."""
    op.execute(sa.text("DELETE FROM kept_probes"))
    op.drop_table("kept_probe_parts")
