"""The entries whose review comes next, without reading all of them."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the index. Writers wait meanwhile."""
    op.create_index("entries_by_review", "entries", ["review_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("entries_by_review", "entries")
