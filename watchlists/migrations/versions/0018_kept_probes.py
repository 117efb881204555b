"""Probes that a rule lets somebody keep until a flag is decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Of flags that are there already no probe was kept."""
    op.create_table(
        "kept_probes",
        sa.Column("flag_id", sa.String(36), nullable=False),
        sa.Column("keeper", sa.String(64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.JSON, nullable=False),
        sa.Column("log_until", sa.DateTime(timezone=True)),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["flag_id"], ["flags.id"], name="fk_kept_probes_flag_id_flags"),
        sa.ForeignKeyConstraint(["keeper"], ["partners.id"], name="fk_kept_probes_keeper_partners"),
        sa.PrimaryKeyConstraint("flag_id", "keeper", name="pk_kept_probes"),
    )
    op.create_index("kept_probes_by_end", "kept_probes", ["until"])


def downgrade() -> None:
    """Destroy them."""
    op.drop_table("kept_probes")
