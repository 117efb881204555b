"""The feeds that this node follows: where they come from, what is believed of them, and how the last pull ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, or_, select, update

from watchlists.database import upsert, writing
from watchlists.exchange.errors import FeedFollowed, FeedMoved, FeedUnknown
from watchlists.feed import FeedId, FeedState, TrustedFeed
from watchlists.feed_schema import feed_heads, feed_refusals, feed_states
from watchlists.records import EntryKey, Watchlist
from watchlists.schema import entries
from watchlists.store import Store, Writing

LEASE: Final = timedelta(seconds=3)
"""How long a feed is left to whoever pulls it, from the last message on. Then another process may go on: the first one
was killed, or waits for a slow answer. If both go on, one of them finds the state moved: a lease only saves work."""
_DROPPED: Final = 500
"""Copies that are dropped in one transaction."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed that this node follows.

    Args:
        feed: which, and for which partner of this node.
        url: of the owner's node.
        token_file: where this node finds its token there.
        state: what is believed.
        revision: of the state.
        is_current: everything up to the newest head was taken over.
        fresh_until: until when that head is believed; None if there is none yet.
        withheld: changes that stayed at the owner's, in all.
        pulled_at: when a pull last came to its end.
        refused: slug of why the last pull did not; None if it did.
        refused_at: when.
    """

    feed: FeedId
    url: str
    token_file: str
    state: FeedState = field(repr=False)
    revision: int
    is_current: bool
    fresh_until: datetime | None
    withheld: int
    pulled_at: datetime | None
    refused: str | None
    refused_at: datetime | None

    @property
    def at_home(self) -> tuple[str, ...]:
        """Purposes for which the owner has said that it has more at home; see `Timestamp`."""
        return () if self.state.timestamp is None else self.state.timestamp.at_home

    def is_behind(self, now: datetime) -> bool:
        """Whether something may be missing here: more is announced, or no promise of freshness holds."""
        return not self.is_current or self.fresh_until is None or now >= self.fresh_until


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often a feed was refused for one reason, since it was first followed."""

    feed: FeedId
    reason: str
    times: int


class Subscriptions:
    """All feeds that this node follows. Thread-safe; several processes may share one database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._engine: Engine = store.engine
        self._name = secrets.token_hex(8)  # of this process, for leases

    def all(self) -> Sequence[Subscription]:
        """Return all of them, by watchlist."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(feed_states).order_by(feed_states.c.watchlist)).all()
        return [subscription_of(row) for row in rows]

    def of(self, watchlist: str) -> Subscription:
        """Return how one feed is followed.

        Raises:
            FeedUnknown: it is not.
        """
        with self._engine.connect() as connection:
            row = connection.execute(select(feed_states).where(feed_states.c.watchlist == watchlist)).one_or_none()
        if row is None:
            raise FeedUnknown(f"this node follows no feed of {watchlist}")
        return subscription_of(row)

    def watchlists(self) -> frozenset[str]:
        """Return the lists that are copies here, which feeds write."""
        with self._engine.connect() as connection:
            return frozenset(connection.execute(select(feed_states.c.watchlist)).scalars())

    def owner_of(self, watchlist: str) -> str | None:
        """Return whose list it is, if it is a copy that a feed writes; None otherwise. One row is read."""
        with self._engine.connect() as connection:
            query = select(feed_states.c.owner).where(feed_states.c.watchlist == watchlist)
            return connection.execute(query).scalar_one_or_none()

    def refusals(self) -> Sequence[Refusals]:
        """Return how often which feed was refused, by watchlist and reason."""
        query = select(feed_refusals, feed_states.c.owner, feed_states.c.receiver).join(
            feed_states, feed_states.c.watchlist == feed_refusals.c.watchlist
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(feed_refusals.c.watchlist, feed_refusals.c.reason)).all()
        return [Refusals(_feed(row), row.reason, row.times) for row in rows]

    def begin(
        self, feed: FeedId, url: str, token_file: str, state: FeedState, note: Callable[[Connection], None]
    ) -> None:
        """Follow a feed from now on, or begin one anew: copies that there are of the list are dropped first.

        Args:
            feed: which.
            url: of the owner's node.
            token_file: where the token for it is.
            state: with the root that the operators of both nodes have compared.
            note: told in the transaction that begins it, to put it on record.

        Raises:
            UnknownPartner: there is no such owner or receiver on this node.
            WatchlistNameTaken: the list is another partner's here.
            FeedFollowed: this node publishes the list itself, or its entries were written here: they are no copies.
        """
        self._store.partner(feed.receiver)
        with self._engine.connect() as connection:
            _require_no_home(connection, feed.watchlist)
        while self._drop(feed):
            pass
        values = {"owner": feed.owner, "receiver": feed.receiver, "url": url, "token_file": token_file}
        fresh = {"state": state.model_dump_json(), "is_current": False, "fresh_until": None, "withheld": 0}
        nothing = dict.fromkeys(("pulled_at", "refused", "refused_at", "leased_to", "leased_until"))
        with self._store.writing() as write:
            title = f"{feed.watchlist} of {feed.owner}, by its feed"
            write.put_watchlist(Watchlist(feed.watchlist, feed.owner, title))
            row = values | fresh | nothing
            insert = upsert(write.connection, feed_states).values(row | {"watchlist": feed.watchlist, "revision": 1})
            again = row | {"revision": feed_states.c.revision + 1}
            write.connection.execute(insert.on_conflict_do_update(index_elements=["watchlist"], set_=again))
            self._drop_some(write, feed)  # what another process has pulled into the old state meanwhile
            note(write.connection)

    def end(self, watchlist: str, note: Callable[[Connection], None]) -> None:
        """Follow a feed no longer; its copies are dropped.

        Raises:
            FeedUnknown: it is not followed.
        """
        feed = self.of(watchlist).feed
        with self._store.writing() as write:
            for table in (feed_refusals, feed_states):
                write.connection.execute(delete(table).where(table.c.watchlist == watchlist))
            note(write.connection)
        while self._drop(feed):
            pass

    def lease(self, watchlist: str, now: datetime) -> bool:
        """Have the feed to oneself for a while, or for a while longer; False if another process has it."""
        free = or_(
            feed_states.c.leased_until.is_(None),
            feed_states.c.leased_until <= now,
            feed_states.c.leased_until > now + LEASE,  # of a clock that was ahead
            feed_states.c.leased_to == self._name,
        )
        values = {"leased_to": self._name, "leased_until": now + LEASE}
        with writing(self._engine) as connection:
            leased = update(feed_states).where(feed_states.c.watchlist == watchlist, free).values(values)
            return connection.execute(leased).rowcount == 1

    def remember(self, connection: Connection, feed: TrustedFeed, revision: int, withheld: int = 0) -> None:
        """Store what is believed of a feed now, in the transaction of `connection`.

        Args:
            connection: of the transaction.
            feed: what is believed.
            revision: of the state that it followed from.
            withheld: changes that stayed at the owner's, as now learnt.

        Raises:
            FeedMoved: the stored state is another one by now.
        """
        table = feed_states
        values = {
            "state": feed.state.model_dump_json(),
            "revision": revision + 1,
            "is_current": feed.is_current,
            "fresh_until": feed.fresh_until,
            "withheld": table.c.withheld + withheld,
        }
        as_read = table.c.watchlist == feed.feed.watchlist, table.c.revision == revision
        if connection.execute(update(table).where(*as_read).values(values)).rowcount == 0:
            raise FeedMoved(f"the feed of {feed.feed.watchlist} was pulled by somebody else")

    def finish(self, watchlist: str, refused: str | None, now: datetime) -> bool:
        """Write down how a pull ended, and give the feed back; return whether that is another end than the last one."""
        table = feed_states
        with writing(self._engine) as connection:
            row = connection.execute(select(table.c.refused).where(table.c.watchlist == watchlist)).one_or_none()
            if row is None:  # it is followed no longer
                return False
            values: dict[str, Any] = {"leased_to": None, "leased_until": None, "refused": refused}
            values |= {"pulled_at": now} if refused is None else {"refused_at": now}
            connection.execute(update(table).where(table.c.watchlist == watchlist).values(values))
            if refused is not None:
                counted = upsert(connection, feed_refusals).values(watchlist=watchlist, reason=refused, times=1)
                more = {"times": feed_refusals.c.times + 1}
                connection.execute(counted.on_conflict_do_update(index_elements=["watchlist", "reason"], set_=more))
            return bool(row.refused != refused)

    def release(self, watchlist: str) -> None:
        """Give the feed back."""
        with writing(self._engine) as connection:
            mine = feed_states.c.watchlist == watchlist, feed_states.c.leased_to == self._name
            connection.execute(update(feed_states).where(*mine).values(leased_to=None, leased_until=None))

    def _drop(self, feed: FeedId) -> int:
        with self._store.writing() as write:
            return self._drop_some(write, feed)

    def _drop_some(self, write: Writing, feed: FeedId) -> int:
        copies = select(entries.c.id).where(entries.c.watchlist == feed.watchlist, entries.c.owner == feed.owner)
        names = write.connection.execute(copies.limit(_DROPPED)).scalars().all()
        for name in names:
            write.withdraw_entry(EntryKey(feed.watchlist, name), feed.owner)
        return len(names)


def _require_no_home(connection: Connection, watchlist: str) -> None:
    """Check that whatever a list has here came by a feed. Else it would be destroyed, perhaps the only one there is."""
    published = select(feed_heads.c.owner).where(feed_heads.c.watchlist == watchlist)
    if connection.execute(published.limit(1)).first() is not None:
        hint = "A list has one home. Follow it from there, or publish it from here."
        raise FeedFollowed(f"{watchlist} is published from this node", hint=hint)
    followed = select(feed_states.c.owner).where(feed_states.c.watchlist == watchlist)
    written = select(entries.c.id).where(entries.c.watchlist == watchlist)
    if connection.execute(followed).first() is None and connection.execute(written.limit(1)).first() is not None:
        hint = "A list has one home. If it is not this node any more, withdraw the entries here first, then follow it."
        raise FeedFollowed(f"{watchlist} has entries that no feed brought to this node", hint=hint)


def _feed(row: Any) -> FeedId:
    return FeedId(owner=row.owner, watchlist=row.watchlist, receiver=row.receiver)


def subscription_of(row: Any) -> Subscription:
    """Return a row of `feed_states`."""
    return Subscription(
        feed=_feed(row),
        url=row.url,
        token_file=row.token_file,
        state=FeedState.model_validate_json(row.state),
        revision=row.revision,
        is_current=row.is_current,
        fresh_until=row.fresh_until,
        withheld=row.withheld,
        pulled_at=row.pulled_at,
        refused=row.refused,
        refused_at=row.refused_at,
    )
