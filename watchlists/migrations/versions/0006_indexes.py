"""The changes of one watchlist, and the entries that expire next, without reading all of them."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the indexes. Writers wait meanwhile."""
    op.create_index("changes_by_watchlist", "changes", ["watchlist", "sequence"])
    op.create_index("entries_by_expiry", "entries", ["expires_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("entries_by_expiry", "entries")
    op.drop_index("changes_by_watchlist", "changes")
