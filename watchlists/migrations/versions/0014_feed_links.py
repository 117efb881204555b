"""Which copies have links, for these may have to go again; followers count no longer what stays at the owner's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Take it that every copy has links: the next sweep says of which that is so."""
    op.add_column("feed_held", sa.Column("linked", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE feed_held SET linked = TRUE"))
    op.execute(sa.text("UPDATE feed_heads SET decided_by = NULL"))
    op.drop_column("feed_states", "withheld")


def downgrade() -> None:
    """Count from nothing again."""
    op.add_column("feed_states", sa.Column("withheld", sa.BigInteger, nullable=False, server_default="0"))
    op.drop_column("feed_held", "linked")
