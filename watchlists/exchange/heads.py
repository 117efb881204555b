"""A published feed as it stands in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import ColumnElement, Connection, Table, select

from watchlists.agreements.facts import Request
from watchlists.errors import UnknownWatchlist
from watchlists.feed.content import receiving_key_id
from watchlists.feed.messages import FeedId, Position
from watchlists.feed.publish import Addressee
from watchlists.feed.residency import node_of
from watchlists.feed_schema import feed_heads
from watchlists.records import Partner
from watchlists.schema import partners


class WithheldBecause(StrEnum):
    """Why an entry stays at home."""

    RULES = "rules"
    """No agreement lets a copy go there, or the owner's own word keeps it."""
    EXPIRED = "expired"
    UNREADABLE = "unreadable"
    """It does not open on this node."""
    OVERSIZE = "oversize"
    """It is larger than a page may be."""


@dataclass(frozen=True, slots=True)
class WithheldEntry:
    """An entry that stays at home, for the operator of this node alone."""

    watchlist: str
    receiver: str
    entry: str
    reason: WithheldBecause
    since: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """How a published feed stands.

    Args:
        pages: that there are.
        held: entries that the receiver has, or will have with the next pull.
        withheld: entries that stay at home.
        waiting: changes of the log that are not published yet.
        at_home: purposes for which the receiver might search what stays at home.
        pulled_at: when the newest promise of freshness was made, which a receiver asks for; None if never.
    """

    feed: FeedId
    pages: int
    held: int
    withheld: int
    waiting: int
    at_home: tuple[str, ...]
    pulled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Head:
    """A row of `feed_heads`, and who the receiver is."""

    to: Addressee
    position: Position
    followed: int
    decided_by: str | None
    swept_to: str | None

    @property
    def feed(self) -> FeedId:
        return self.to.feed

    @property
    def node(self) -> Request:
        return self.to.node

    @property
    def key_id(self) -> str:
        return receiving_key_id(self.to.key)

    def rows_of(self, table: Table) -> ColumnElement[bool]:
        """Return the condition that a row of another table belongs to this feed."""
        return (table.c.watchlist == self.feed.watchlist) & (table.c.receiver == self.feed.receiver)

    def unmoved(self) -> ColumnElement[bool]:
        """Return the condition that the row is as it was read."""
        swept = feed_heads.c.swept_to
        swept_as_read = swept.is_(None) if self.swept_to is None else swept == self.swept_to
        decided = feed_heads.c.decided_by
        decided_as_read = decided.is_(None) if self.decided_by is None else decided == self.decided_by
        as_read = (feed_heads.c.page == self.position.page) & (feed_heads.c.followed == self.followed)
        return self.rows_of(feed_heads) & as_read & swept_as_read & decided_as_read

    @property
    def key(self) -> dict[str, str]:
        """What a row of another table begins with."""
        return {"watchlist": self.feed.watchlist, "receiver": self.feed.receiver}


def read_head(connection: Connection, watchlist: str, receiver: str) -> Head:
    """Read how a published feed stands.

    Raises:
        UnknownWatchlist: no such list is published to that partner; whether there is such a list is not told.
    """
    joined = select(feed_heads, partners.c.name, partners.c.country).join(
        partners, partners.c.id == feed_heads.c.receiver
    )
    query = joined.where(feed_heads.c.watchlist == watchlist, feed_heads.c.receiver == receiver)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownWatchlist("the caller's partner has no watchlist of that name")
    return _head(row)


def _head(row: Any) -> Head:
    feed = FeedId(owner=row.owner, watchlist=row.watchlist, receiver=row.receiver)
    node = node_of(Partner(row.receiver, row.name, row.country))
    to = Addressee(feed, node, X25519PublicKey.from_public_bytes(row.receiving_key))
    position = Position(page=row.page, sequence=row.sequence, digest=row.digest)
    return Head(to, position, row.followed, row.decided_by, row.swept_to)
