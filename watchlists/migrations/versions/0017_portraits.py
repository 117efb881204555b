"""Entries have an author, and portraits for people to compare."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Who wrote an entry that is there already is not known, and there is no portrait of it."""
    op.add_column("entries", sa.Column("author", sa.String(129)))
    op.create_table(
        "entry_portraits",
        sa.Column("watchlist", sa.String(64), nullable=False),
        sa.Column("entry", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["watchlist", "entry"], ["entries.watchlist", "entries.id"], name="fk_entry_portraits_watchlist_entries"
        ),
        sa.PrimaryKeyConstraint("watchlist", "entry", name="pk_entry_portraits"),
    )


def downgrade() -> None:
    """Forget both."""
    op.drop_table("entry_portraits")
    op.drop_column("entries", "author")
