"""Partners and their keys, watchlists, entries, and the change log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of the watchlist side, and the log's head at 0."""
    _make_partners()
    _make_entries()
    _make_change_log()


def downgrade() -> None:
    """Drop them."""
    for table in ("change_head", "changes", "entries", "watchlists", "owner_keys", "root_key_checks", "partners"):
        op.drop_table(table)


def _make_partners() -> None:
    op.create_table(
        "partners",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_partners"),
    )
    op.create_table(
        "root_key_checks",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("sealed_check", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_root_key_checks"),
        sa.CheckConstraint("id = 1", name="single_row"),
    )
    op.create_table(
        "owner_keys",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("generation", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", "generation", name="pk_owner_keys"),
        sa.ForeignKeyConstraint(["owner"], ["partners.id"], name="fk_owner_keys_owner_partners"),
    )
    op.create_table(
        "watchlists",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_watchlists"),
        sa.ForeignKeyConstraint(["owner"], ["partners.id"], name="fk_watchlists_owner_partners"),
    )


def _make_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("watchlist", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("category", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("handling", sa.JSON, nullable=False),
        sa.Column("review_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("key_generation", sa.Integer, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("sealed_subject", sa.LargeBinary, nullable=False),
        sa.Column("sealed_templates", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("watchlist", "id", name="pk_entries"),
        sa.ForeignKeyConstraint(["watchlist"], ["watchlists.id"], name="fk_entries_watchlist_watchlists"),
        sa.ForeignKeyConstraint(
            ["owner", "key_generation"],
            ["owner_keys.owner", "owner_keys.generation"],
            name="fk_entries_owner_owner_keys",
        ),
    )


def _make_change_log() -> None:
    op.create_table(
        "changes",
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("watchlist", sa.String(64), nullable=False),
        sa.Column("entry", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_changes"),
    )
    head = op.create_table(
        "change_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change_head"),
        sa.CheckConstraint("id = 1", name="single_row"),
    )
    op.bulk_insert(head, [{"id": 1, "last_sequence": 0}])
