"""What an entry carries of its own for rules to read, the country of a partner, the authority of a token."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns. Old entries have no conditions, and an old partner acts for the state that is named like it."""
    op.add_column("entries", sa.Column("conditions", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("partners", sa.Column("country", sa.String(64), nullable=False, server_default=""))
    op.execute("UPDATE partners SET country = id")
    op.add_column("tokens", sa.Column("authority", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them. Entries that had conditions do not open afterwards: their seals are tied to them."""
    op.drop_column("tokens", "authority")
    op.drop_column("partners", "country")
    op.drop_column("entries", "conditions")
