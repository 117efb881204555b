"""Tables of feeds between nodes: what this node publishes, and what it follows.

Published are `feed_signing_keys`, `feed_roots`, `feed_heads`, `feed_pages`, `feed_contents`, `feed_held` and
`feed_withheld`; followed `feed_receiving_keys`, `feed_states` and `feed_refusals`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
)

from watchlists.schema import UtcDateTime, metadata, sealed_for


def _feed_key() -> tuple[Column[str], Column[str], ForeignKeyConstraint]:
    """Return the columns by which a row belongs to a published feed."""
    return (
        Column("watchlist", String(64), primary_key=True),
        Column("receiver", String(64), primary_key=True),
        ForeignKeyConstraint(["watchlist", "receiver"], ["feed_heads.watchlist", "feed_heads.receiver"]),
    )


feed_signing_keys = Table(
    "feed_signing_keys",
    metadata,
    Column("owner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("keyid", String(64), primary_key=True),
    Column("role", String(16), nullable=False, comment="root, timestamp or page"),
    Column("sealed_key", LargeBinary, nullable=False, info=sealed_for("owner"), comment="Ed25519"),
    Column("made_at", UtcDateTime, nullable=False),
)

feed_roots = Table(
    "feed_roots",
    metadata,
    Column("owner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("message", LargeBinary, nullable=False, comment="signed, as it is sent"),
    Column("expires_at", UtcDateTime, nullable=False),
)

feed_heads = Table(
    "feed_heads",
    metadata,
    Column("watchlist", String(64), ForeignKey("watchlists.id"), primary_key=True),
    Column("receiver", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("receiving_key", LargeBinary(32), nullable=False, comment="X25519, public"),
    Column("page", BigInteger, nullable=False, comment="the last one"),
    Column("sequence", BigInteger, nullable=False, comment="of its last change"),
    Column("digest", String(64), nullable=False, comment="of the page"),
    Column("followed", BigInteger, nullable=False, comment="the change log is published up to here"),
    Column("decided_by", String(64), comment="names the rules and the key under which all entries were looked at last"),
    Column("swept_to", String(64), comment="all entries are being looked at, up to this one; null if they are not"),
    Column("at_home", JSON, nullable=False, server_default="[]", comment="purposes; see `Timestamp`"),
    Column("timestamp_version", BigInteger, nullable=False),
    Column("timestamp", LargeBinary, comment="signed, as it is sent"),
    Column("timestamp_about", Text, comment="what it says, and under which root"),
    Column("timestamp_issued_at", UtcDateTime),
)

feed_pages = Table(
    "feed_pages",
    metadata,
    *_feed_key(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("page", LargeBinary, nullable=False, comment="what is signed when it is served"),
)

feed_contents = Table(
    "feed_contents",
    metadata,
    *_feed_key(),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, comment="of the put"),
    Column("page", BigInteger, nullable=False),
    Column("entry", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column(
        "sealed",
        LargeBinary,
        nullable=False,
        info=sealed_for("owner"),
        comment="to the receiver, and that for the owner; destroyed with the version of the entry",
    ),
    Index("feed_contents_by_entry", "watchlist", "entry"),
    Index("feed_contents_by_page", "watchlist", "receiver", "page"),
)

feed_held = Table(
    "feed_held",
    metadata,
    *_feed_key(),
    Column("entry", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False, comment="number of the change in the log that wrote it"),
    Column("sealed_to", String(64), nullable=False, comment="id of the receiver's key"),
    Column("until", UtcDateTime, comment="when the copy must be gone; null if it may live as long as the entry"),
    Column("refresh_at", UtcDateTime, comment="when it is to be published again, to live on"),
    Column("linked", Boolean, nullable=False, server_default=false(), comment="it has links, sent or not"),
    Index("feed_held_by_refresh", "watchlist", "receiver", "refresh_at"),
)

feed_withheld = Table(
    "feed_withheld",
    metadata,
    *_feed_key(),
    Column("entry", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False, comment="number of the change in the log that wrote it"),
    Column("reason", String(16), nullable=False, comment="watchlists.exchange.WithheldBecause"),
    Column("purposes", Text, nullable=False, comment="for which the receiver might search it at home; by spaces"),
    Column("since", UtcDateTime, nullable=False),
    Column("again_at", UtcDateTime, comment="when to look at it again: its owner hides it until then"),
    Index("feed_withheld_by_moment", "watchlist", "receiver", "again_at"),
)

feed_receiving_keys = Table(
    "feed_receiving_keys",
    metadata,
    Column("partner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("key_id", String(64), primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False, info=sealed_for("partner"), comment="X25519"),
    Column("made_at", UtcDateTime, nullable=False),
)

feed_states = Table(
    "feed_states",
    metadata,
    Column("watchlist", String(64), ForeignKey("watchlists.id"), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("receiver", String(64), ForeignKey("partners.id"), nullable=False),
    Column("url", Text, nullable=False, comment="of the owner's node"),
    Column("token_file", Text, nullable=False, comment="where this node finds its token there"),
    Column("state", Text, nullable=False, comment="watchlists.feed.FeedState, in JSON"),
    Column("revision", BigInteger, nullable=False, comment="one more with every change of the state"),
    Column("is_current", Boolean, nullable=False, server_default=false()),
    Column("fresh_until", UtcDateTime),
    Column("pulled_at", UtcDateTime, comment="when a pull last came to its end"),
    Column("refused", String(64), comment="slug of why the last pull did not; null if it did"),
    Column("refused_at", UtcDateTime),
    Column("leased_to", String(64), comment="who pulls just now"),
    Column("leased_until", UtcDateTime),
)

feed_refusals = Table(
    "feed_refusals",
    metadata,
    Column("watchlist", String(64), ForeignKey("watchlists.id"), primary_key=True),
    Column("reason", String(64), primary_key=True, comment="slug"),
    Column("times", BigInteger, nullable=False, comment="since the feed was first followed"),
)
