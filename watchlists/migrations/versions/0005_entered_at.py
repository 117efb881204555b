"""When an entry was first written, from which its retention counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the moment; for entries that are there, the first write that the log knows of."""
    op.add_column("entries", sa.Column("entered_at", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE entries SET entered_at = (SELECT min(changes.at) FROM changes WHERE changes.kind = 'put' "
        "AND changes.watchlist = entries.watchlist AND changes.entry = entries.id)"
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_column("entries", "entered_at")
