"""Keys of owners can be rotated, and digests stay what they are; entries are found by the key they are sealed under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add what a key carries over to its successor. In keys of before it is null: there it follows from the key."""
    op.add_column("owner_keys", sa.Column("sealed_digest_key", sa.LargeBinary))
    op.add_column("owner_keys", sa.Column("fingerprint", sa.LargeBinary(16)))
    op.create_index("entries_by_key", "entries", ["owner", "key_generation"])


def downgrade() -> None:
    """Drop them. Digests of owners whose keys were rotated are then strange to the older version."""
    op.drop_index("entries_by_key", "entries")
    op.drop_column("owner_keys", "fingerprint")
    op.drop_column("owner_keys", "sealed_digest_key")
