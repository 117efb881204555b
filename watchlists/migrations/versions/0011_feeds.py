"""Feeds between nodes: what this node publishes, and what it follows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_MOMENT = sa.DateTime(timezone=True)
_TABLES = (
    "feed_signing_keys",
    "feed_roots",
    "feed_heads",
    "feed_pages",
    "feed_contents",
    "feed_held",
    "feed_withheld",
    "feed_receiving_keys",
    "feed_states",
    "feed_refusals",
)


def upgrade() -> None:
    """Make the tables, empty."""
    _make_keys()
    _make_heads()
    _make_published()
    _make_followed()


def downgrade() -> None:
    """Drop them. Feeds have to be begun anew afterwards, with new roots."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _make_keys() -> None:
    op.create_table(
        "feed_signing_keys",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("keyid", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "keyid", name="pk_feed_signing_keys"),
        _to_partners("feed_signing_keys", "owner"),
    )
    op.create_table(
        "feed_roots",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "version", name="pk_feed_roots"),
        _to_partners("feed_roots", "owner"),
    )


def _make_heads() -> None:
    op.create_table(
        "feed_heads",
        sa.Column("watchlist", sa.String(64), nullable=False),
        sa.Column("receiver", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("receiving_key", sa.LargeBinary(32), nullable=False),
        sa.Column("page", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("followed", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.String(64)),
        sa.Column("swept_to", sa.String(64)),
        sa.Column("at_home", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("timestamp_version", sa.BigInteger, nullable=False),
        sa.Column("timestamp", sa.LargeBinary),
        sa.Column("timestamp_about", sa.Text),
        sa.Column("timestamp_issued_at", _MOMENT),
        sa.PrimaryKeyConstraint("watchlist", "receiver", name="pk_feed_heads"),
        _to_watchlists("feed_heads"),
        _to_partners("feed_heads", "receiver"),
    )


def _make_published() -> None:
    _make_of_feed("feed_pages", "number", sa.BigInteger(), sa.Column("page", sa.LargeBinary, nullable=False))
    _make_of_feed(
        "feed_contents",
        "sequence",
        sa.BigInteger(),
        sa.Column("page", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("feed_contents_by_entry", "feed_contents", ["watchlist", "entry"])
    op.create_index("feed_contents_by_page", "feed_contents", ["watchlist", "receiver", "page"])
    _make_of_feed(
        "feed_held",
        "entry",
        sa.String(64),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("sealed_to", sa.String(64), nullable=False),
        sa.Column("until", _MOMENT),
        sa.Column("refresh_at", _MOMENT),
    )
    op.create_index("feed_held_by_refresh", "feed_held", ["watchlist", "receiver", "refresh_at"])
    _make_of_feed(
        "feed_withheld",
        "entry",
        sa.String(64),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("again_at", _MOMENT),
    )
    op.create_index("feed_withheld_by_moment", "feed_withheld", ["watchlist", "receiver", "again_at"])


def _make_of_feed(name: str, last: str, kind: Any, *columns: sa.Column[Any]) -> None:
    """Make a table whose rows belong to a published feed, each by one thing more."""
    feed = ["watchlist", "receiver"]
    op.create_table(
        name,
        *(sa.Column(each, sa.String(64), nullable=False) for each in feed),
        sa.Column(last, kind, autoincrement=False, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*feed, last, name=f"pk_{name}"),
        sa.ForeignKeyConstraint(feed, [f"feed_heads.{each}" for each in feed], name=f"fk_{name}_watchlist_feed_heads"),
    )


def _make_followed() -> None:
    op.create_table(
        "feed_receiving_keys",
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("partner", "key_id", name="pk_feed_receiving_keys"),
        _to_partners("feed_receiving_keys", "partner"),
    )
    op.create_table(
        "feed_states",
        sa.Column("watchlist", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("receiver", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("token_file", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("is_current", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("fresh_until", _MOMENT),
        sa.Column("withheld", sa.BigInteger, nullable=False),
        sa.Column("pulled_at", _MOMENT),
        sa.Column("refused", sa.String(64)),
        sa.Column("refused_at", _MOMENT),
        sa.Column("leased_to", sa.String(64)),
        sa.Column("leased_until", _MOMENT),
        sa.PrimaryKeyConstraint("watchlist", name="pk_feed_states"),
        _to_watchlists("feed_states"),
        _to_partners("feed_states", "receiver"),
    )
    op.create_table(
        "feed_refusals",
        sa.Column("watchlist", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("watchlist", "reason", name="pk_feed_refusals"),
        _to_watchlists("feed_refusals"),
    )


def _to_partners(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["partners.id"], name=f"fk_{table}_{column}_partners")


def _to_watchlists(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["watchlist"], ["watchlists.id"], name=f"fk_{table}_watchlist_watchlists")
