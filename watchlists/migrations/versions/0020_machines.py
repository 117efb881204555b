"""Keys of machines that sign their requests or come with a certificate, and the nonces that they have spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from watchlists.schema import UtcDateTime

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the tables. Whoever has a token keeps it."""
    op.create_table(
        "machine_keys",
        sa.Column("keyid", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("public", sa.LargeBinary(32), nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("keyid", name="pk_machine_keys"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_machine_keys_partner_partners"),
    )
    op.create_index("machine_keys_by_name", "machine_keys", ["name"])
    op.create_table(
        "spent_nonces",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_spent_nonces"),
    )
    op.create_index("spent_nonces_by_end", "spent_nonces", ["until"])


def downgrade() -> None:
    """Machines need tokens again."""
    op.drop_table("spent_nonces")
    op.drop_table("machine_keys")
