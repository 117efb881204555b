"""Publishes the feeds of this node: follows the change log for each receiver, and answers its questions.

A page is composed from one state of the database while everybody goes on writing. It is then stored in the turn of the
change log, without the contents of those entries that have changed meanwhile: what the log has moved on from is never
kept, and the page after it says so. Whoever of several processes comes second finds the head moved, and stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import Connection, Table, func, select, update

from watchlists.agreements.decide import RuleBook
from watchlists.changes import hold_log
from watchlists.database import Turn, wipe_deleted, writing
from watchlists.errors import ForeignWatchlist
from watchlists.exchange.errors import FeedFollowed, FeedKeyInvalid
from watchlists.exchange.heads import Head, Published, WithheldBecause, WithheldEntry, read_head
from watchlists.exchange.offers import Batch, Offers
from watchlists.exchange.signing_keys import SigningKeys
from watchlists.exchange.steps import Step, read_contents
from watchlists.feed.errors import FeedOversize
from watchlists.feed.messages import START, FeedId, Page, Position
from watchlists.feed.publish import FRESHNESS, Composition, compose, sign_message, sign_page, timestamp
from watchlists.feed.signing import canonical
from watchlists.feed_schema import feed_contents, feed_heads, feed_held, feed_pages, feed_states, feed_withheld
from watchlists.records import VisibilityClass
from watchlists.schema import change_head, changes
from watchlists.store import Store

PAGES: Final = 8
"""Pages that are composed before a question is answered, or housekeeping goes on to the next feed."""
_REISSUE: Final = FRESHNESS / 4
"""Age from which a timestamp is made anew though nothing has happened."""


class Publisher:
    """All feeds of this node. Thread-safe; several processes may publish from one database."""

    def __init__(self, store: Store, signing: SigningKeys, rules: Callable[[], RuleBook]) -> None:
        self._store = store
        self._engine = store.engine
        self._signing = signing
        self._rules = rules

    def allow(self, watchlist: str, receiver: str, key: bytes, note: Callable[[Connection], None]) -> bool:
        """Publish a watchlist to a partner from now on, sealed to that key, or to another key than before.

        What of it may go there, the agreements decide entry by entry.

        Args:
            watchlist: of an owner that has root keys on this node.
            receiver: the partner.
            key: its X25519 public key, 32 bytes.
            note: told in the transaction, to put it on record.

        Returns:
            Whether the feed is new.

        Raises:
            UnknownWatchlist, UnknownPartner: there is no such list or partner.
            FeedKeysMissing: its owner has no root keys on this node.
            FeedFollowed: it is a copy of another node's list.
            FeedKeyInvalid: that is no key.
            ForeignWatchlist: the receiver is the owner.
        """
        owner = self._store.watchlist(watchlist).owner
        self._store.partner(receiver)
        if owner == receiver:
            raise ForeignWatchlist(f"{receiver} owns {watchlist}", hint="Name the partner that is to receive a copy.")
        try:
            X25519PublicKey.from_public_bytes(key)
        except ValueError:
            raise FeedKeyInvalid("a receiving key has 32 bytes") from None
        with writing(self._engine, Turn.CHANGE_LOG) as connection:
            self._signing.current(connection, owner)
            if connection.execute(select(feed_states.c.owner).where(feed_states.c.watchlist == watchlist)).first():
                raise FeedFollowed(f"{watchlist} is a copy, which another node publishes")
            followed = hold_log(connection)
            note(connection)
            of_feed = feed_heads.c.watchlist == watchlist, feed_heads.c.receiver == receiver
            changed = connection.execute(update(feed_heads).where(*of_feed).values(receiving_key=key))
            if changed.rowcount:
                return False
            start = START.plain()
            values = {"watchlist": watchlist, "receiver": receiver, "owner": owner, "receiving_key": key} | start
            more = {"followed": followed, "timestamp_version": 0, "at_home": []}
            connection.execute(feed_heads.insert().values(values | more))
        return True

    def advance(self, watchlist: str, receiver: str, now: datetime, most: int = PAGES) -> int:
        """Publish what there is to publish, in at most `most` pages; return how many there were.

        Raises:
            UnknownWatchlist: no such list is published to that partner.
        """
        steps = 0
        while steps < most and self._step(watchlist, receiver, now):
            steps += 1
        return steps

    def advance_all(self, now: datetime) -> int:
        """`advance` for every feed; return how many pages there were."""
        with self._engine.connect() as connection:
            feeds = connection.execute(select(feed_heads.c.watchlist, feed_heads.c.receiver)).all()
        return sum(self.advance(feed.watchlist, feed.receiver, now) for feed in feeds)

    # What receivers ask for. All raise UnknownWatchlist if no such list is published to that partner.

    def root(self, watchlist: str, receiver: str, version: int) -> bytes | None:
        """Return a root of the owner as it is sent; None if that version does not exist yet."""
        with self._engine.connect() as connection:
            head = read_head(connection, watchlist, receiver)
            return self._signing.root(head.feed.owner, version, connection)

    def timestamp(self, watchlist: str, receiver: str, now: datetime) -> bytes:
        """Publish what there is to publish, and return the promise of how far the feed goes."""
        self.advance(watchlist, receiver, now)
        with writing(self._engine) as connection:
            head = read_head(connection, watchlist, receiver)
            of_feed = head.rows_of(feed_heads)
            row = connection.execute(select(feed_heads).where(of_feed).with_for_update()).one()
            root = self._signing.current(connection, head.feed.owner)
            position = Position(page=row.page, sequence=row.sequence, digest=row.digest)
            about = canonical([root.version, row.page, row.at_home]).decode()
            issued = row.timestamp_issued_at
            if row.timestamp_about == about and issued <= now < issued + _REISSUE:
                found: bytes = row.timestamp
                return found
            version = row.timestamp_version + 1
            promise = timestamp(head.feed, version, position, now, row.at_home)
            message = sign_message(promise, self._signing.signers(connection, head.feed.owner, root.roles.timestamp))
            values = {"timestamp": message, "timestamp_version": version}
            more = {"timestamp_about": about, "timestamp_issued_at": now}
            connection.execute(update(feed_heads).where(of_feed).values(values | more))
            return message

    def page(self, watchlist: str, receiver: str, after: int) -> bytes | None:
        """Return the page that follows page `after` as it is sent; None if there is none yet."""
        with self._engine.connect() as connection:
            head = read_head(connection, watchlist, receiver)
            of_page = head.rows_of(feed_pages), feed_pages.c.number == after + 1
            stored = connection.execute(select(feed_pages.c.page).where(*of_page)).scalar_one_or_none()
            if stored is None:
                return None
            contents = read_contents(connection, self._store.keys, head, after + 1)
            root = self._signing.current(connection, head.feed.owner)
            signers = self._signing.signers(connection, head.feed.owner, root.roles.page)
        return sign_page(Page.model_validate_json(stored), contents, signers)

    # For the operator

    def published(self) -> Sequence[Published]:
        """Return how all feeds of this node stand, by watchlist and receiver."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(feed_heads).order_by(feed_heads.c.watchlist, feed_heads.c.receiver)).all()
            return [self._published(connection, row) for row in rows]

    def withheld(self, watchlist: str | None = None, receiver: str | None = None) -> Sequence[WithheldEntry]:
        """Return the entries that stay at home, of all feeds or of some, by watchlist, receiver and entry."""
        columns = feed_withheld.c
        query = select(feed_withheld).order_by(columns.watchlist, columns.receiver, columns.entry)
        if watchlist is not None:
            query = query.where(columns.watchlist == watchlist)
        if receiver is not None:
            query = query.where(columns.receiver == receiver)
        with self._engine.connect() as connection:
            return [
                WithheldEntry(row.watchlist, row.receiver, row.entry, WithheldBecause(row.reason), row.since)
                for row in connection.execute(query)
            ]

    def _published(self, connection: Connection, row: Any) -> Published:
        def count(table: Table) -> int:
            of_feed = table.c.watchlist == row.watchlist, table.c.receiver == row.receiver
            return connection.execute(select(func.count()).select_from(table).where(*of_feed)).scalar_one()

        feed = FeedId(owner=row.owner, watchlist=row.watchlist, receiver=row.receiver)
        unpublished = changes.c.watchlist == row.watchlist, changes.c.sequence > row.followed
        waiting = connection.execute(select(func.count()).select_from(changes).where(*unpublished)).scalar_one()
        counts = count(feed_held), count(feed_withheld), waiting
        return Published(feed, row.page, *counts, tuple(row.at_home), row.timestamp_issued_at)

    # One step: a page, or what is only to be noted

    def _step(self, watchlist: str, receiver: str, now: datetime) -> bool:
        """Take one step; False if there is nothing to do."""
        rules = self._rules()
        with self._engine.connect() as connection:
            head = read_head(connection, watchlist, receiver)
            as_of = connection.execute(select(change_head.c.last_sequence)).scalar_one()
            offers = Offers(connection, self._store.keys, head, rules, now)

            @cache
            def purposes(klass: VisibilityClass) -> str:
                # An exercise finds what is for exercises alone; nobody decides on what it does not find.
                return "" if klass.conditions.exercise else " ".join(sorted(rules.purposes_of(head.node, klass, now)))

            batch = offers.next(purposes)
            if batch is None:
                return False
            composition, oversize = self._composed(connection, head, batch, rules, now)
        with writing(self._engine, Turn.CHANGE_LOG) as connection:
            hold_log(connection)
            taken = 0 if composition is None else composition.taken
            composed = None if composition is None else composition.composed
            position = head.position if composed is None else composed.page.position()
            values = {**batch.after(taken), **position.plain()}
            if connection.execute(update(feed_heads).where(head.unmoved()).values(values)).rowcount == 0:
                return True  # another process has taken this step
            step = Step(connection, self._store, head, offers, purposes, now)
            if composition is not None:
                step.store(composition, batch.offers[:taken], as_of, oversize)
            step.note(batch)
        if step.destroyed:
            wipe_deleted(self._engine, feed_contents)
        return True

    def _composed(
        self, connection: Connection, head: Head, batch: Batch, rules: RuleBook, now: datetime
    ) -> tuple[Composition | None, str | None]:
        """Compose what there is of a page in a batch; return also the first entry if that alone is too large."""
        if not batch.offers:
            return None, None
        names = [offer.entry for offer in batch.offers]
        held_rows = select(feed_held.c.entry).where(head.rows_of(feed_held), feed_held.c.entry.in_(names))
        held = frozenset(connection.execute(held_rows).scalars())
        try:
            return compose(head.position, batch.offers, head.to, rules, held, now), None
        except FeedOversize:
            first = replace(batch.offers[0], current=None)
            return compose(head.position, [first], head.to, rules, held, now), first.entry
