"""Tables of the watchlist side. What is sealed is said in `sealing.py`; nothing biometric or biographic is in clear."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in, aware in UTC out, whatever the database makes of zones.

    Raises:
        ValueError: on binding, a datetime without a zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError("a stored datetime needs a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NOT_IN_BACKUPS = "not in backups"
"""In the `info` of a table whose rows must not outlive their time: no backup holds them, and after a restore there are
none."""

SEALED_FOR = "sealed for"


def sealed_for(owner: str) -> dict[str, Any]:
    """Return the `info` of a column of values that `KeyRing.seal_for` gave.

    When the owner's key is rotated, what stands in such columns is sealed anew.

    Args:
        owner: name of the column of the same table that says for whom a value is sealed.
    """
    return {SEALED_FOR: owner}


NODE = "_node"
"""Stands among the partners for the node itself, so that there is a key for what belongs to nobody else. No partner can
have this id."""

partners = Table(
    "partners",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("country", String(64), nullable=False, server_default="", comment="code of the state it acts for"),
)

root_key_checks = Table(
    "root_key_checks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sealed_check", LargeBinary, nullable=False, comment="opens only under the root key of this database"),
    CheckConstraint("id = 1", name="single_row"),
)

owner_keys = Table(
    "owner_keys",
    metadata,
    Column("owner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False, comment="the highest is the current one"),
    Column("wrapped_key", LargeBinary, nullable=False, comment="under the root key"),
    Column("sealed_digest_key", LargeBinary, comment="under this key; null in a first one, from which it follows"),
    Column("fingerprint", LargeBinary(16), comment="tells whether it is the same key under another root key"),
    Column("made_at", UtcDateTime, nullable=False),
)

watchlists = Table(
    "watchlists",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(64), ForeignKey("partners.id"), nullable=False),
    Column("title", String(200), nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("watchlist", String(64), ForeignKey("watchlists.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("owner", String(64), nullable=False, comment="of the watchlist, for ever"),
    Column("category", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("handling", JSON, nullable=False, comment="sorted list of codes"),
    Column("conditions", JSON, nullable=False, server_default="{}", comment="those that are not as by default"),
    Column("author", String(129), comment="partner/name of who wrote it; null if that is not known here"),
    Column("entered_at", UtcDateTime, comment="when its owner first wrote it; kept when it is written again"),
    Column("review_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("sequence", BigInteger, nullable=False, comment="of the change that wrote this row"),
    Column("digest", LargeBinary(32), nullable=False, comment="keyed digest of the content: is a write a repetition?"),
    Column("key_generation", Integer, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False, comment="data key of this row alone, under the owner's key"),
    Column("sealed_subject", LargeBinary, nullable=False),
    Column("sealed_templates", LargeBinary, nullable=False),
    ForeignKeyConstraint(["owner", "key_generation"], ["owner_keys.owner", "owner_keys.generation"]),
    Index("entries_by_expiry", "expires_at"),
    Index("entries_by_key", "owner", "key_generation"),
    Index("entries_by_review", "review_at"),
)

entry_portraits = Table(
    "entry_portraits",
    metadata,
    Column("watchlist", String(64), primary_key=True),
    Column("entry", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False, comment="under the data key of the entry"),
    ForeignKeyConstraint(["watchlist", "entry"], ["entries.watchlist", "entries.id"]),
)
"""Apart from the entries, which galleries read whole: only people look at portraits, one entry at a time."""

changes = Table(
    "changes",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, comment="in commit order, without gaps"),
    Column("kind", String(16), nullable=False),
    Column("watchlist", String(64), nullable=False),
    Column("entry", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("changes_by_watchlist", "watchlist", "sequence"),
)

change_head = Table(
    "change_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_sequence", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

KEY_TABLES = (owner_keys, root_key_checks)
"""What opens everything else, with the root key. Backups keep them apart from the rest."""

TABLES = (partners, root_key_checks, owner_keys, watchlists, entries, entry_portraits, changes, change_head)
