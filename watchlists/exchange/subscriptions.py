"""The feeds that this node follows: where they come from, what is believed of them, and how the last pull ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, delete, or_, select, update

from watchlists.database import Row, upsert, writing
from watchlists.exchange.errors import FeedBeginning, FeedEnding, FeedFollowed, FeedMoved, FeedUnknown
from watchlists.feed import FeedId, FeedState, TrustedFeed
from watchlists.feed.errors import FeedRefused
from watchlists.feed_schema import feed_heads, feed_refusals, feed_states
from watchlists.records import EntryKey, Watchlist
from watchlists.schema import entries
from watchlists.store import Store, Writing

LEASE: Final = timedelta(seconds=3)
"""How long a feed is left to whoever pulls it, from the last message on. Then another process may go on: the first one
was killed, or waits for a slow answer. If both go on, one of them finds the state moved: a lease only saves work."""
_DROPPED: Final = 500
"""Copies that are dropped in one transaction."""
_DROPPING: Final = {each.slug: each for each in (FeedBeginning, FeedEnding)}
"""Reasons for which a feed is not pulled at all."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed that this node follows.

    Args:
        feed: which, and for which partner of this node.
        url: of the owner's node.
        token_file: where this node finds its token there.
        state: what is believed; None if this version cannot read what is stored. Then the feed is behind.
        revision: of the state.
        is_current: everything up to the newest head was taken over.
        fresh_until: until when that head is believed; None if there is none yet.
        pulled_at: when a pull last came to its end.
        refused: slug of why the last pull did not, or why there is none; None if it did.
        refused_at: when.
    """

    feed: FeedId
    url: str
    token_file: str
    state: FeedState | None = field(repr=False)
    revision: int
    is_current: bool
    fresh_until: datetime | None
    pulled_at: datetime | None
    refused: str | None
    refused_at: datetime | None

    @property
    def dropping(self) -> FeedRefused | None:
        """Why it is not pulled: its copies are being dropped, or whoever did that was killed. None if it is pulled."""
        kind = _DROPPING.get(self.refused or "")
        return None if kind is None else kind(f"the copies of {self.feed.watchlist} are being dropped")

    @property
    def at_home(self) -> tuple[str, ...]:
        """Purposes for which the owner has said that it has more at home; see `Timestamp`."""
        return () if self.state is None or self.state.timestamp is None else self.state.timestamp.at_home

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
            rows = connection.execute(select(feed_states).order_by(feed_states.c.watchlist)).mappings().all()
        return [subscription_of(row) for row in rows]

    def of(self, watchlist: str) -> Subscription:
        """Return how one feed is followed.

        Raises:
            FeedUnknown: it is not.
        """
        return subscription_of(self._row(watchlist))

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
            rows = connection.execute(query.order_by(feed_refusals.c.watchlist, feed_refusals.c.reason))
            return [Refusals(_feed(row), row["reason"], row["times"]) for row in rows.mappings()]

    def begin(
        self, feed: FeedId, url: str, token_file: str, state: FeedState, note: Callable[[Connection], None]
    ) -> None:
        """Follow a feed from now on, or begin one anew: copies that there are of the list are dropped first.

        Killed while it drops them, it leaves a feed that is behind and not pulled, until it is called again.

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
            FeedMoved: it is begun or ended by another process meanwhile.
        """
        self._store.partner(feed.receiver)
        fresh = self._fresh(feed, url, token_file, state)
        with self._store.writing() as write:
            title = f"{feed.watchlist} of {feed.owner}, by its feed"
            write.put_watchlist(Watchlist(feed.watchlist, feed.owner, title))
            _require_no_home(write.connection, feed.watchlist)
            revision = _mark(write.connection, feed.watchlist, FeedBeginning.slug)
            if revision is None:
                write.connection.execute(feed_states.insert().values(fresh))
                note(write.connection)
                return

        def begun(connection: Connection) -> None:
            where = feed_states.c.watchlist == feed.watchlist
            connection.execute(update(feed_states).where(where).values(fresh | {"revision": revision + 1}))
            note(connection)

        self._drop(feed, revision, begun)

    def end(self, watchlist: str, note: Callable[[Connection], None]) -> None:
        """Follow a feed no longer; its copies are dropped. Killed midway, it goes on when it is called again.

        Raises:
            FeedUnknown: it is not followed.
            FeedMoved: it is begun or ended by another process meanwhile.
        """
        feed = _feed(self._row(watchlist))
        with self._store.writing() as write:
            revision = _mark(write.connection, watchlist, FeedEnding.slug)
        if revision is None:
            raise _unknown(watchlist)

        def ended(connection: Connection) -> None:
            for table in (feed_refusals, feed_states):
                connection.execute(delete(table).where(table.c.watchlist == watchlist))
            note(connection)

        self._drop(feed, revision, ended)

    def lease(self, watchlist: str, now: datetime) -> bool:
        """Have the feed to oneself for a while, or for a while longer; False if another process has it."""
        free = or_(
            feed_states.c.leased_until.is_(None),
            feed_states.c.leased_until <= now,
            feed_states.c.leased_until > now + LEASE,  # of a clock that was ahead
            feed_states.c.leased_to == self._name,
        )
        values = {"leased_to": self._name, "leased_until": now + LEASE}
        followed = feed_states.c.watchlist == watchlist, _is_pulled()
        with writing(self._engine) as connection:
            leased = update(feed_states).where(*followed, free).values(values)
            return connection.execute(leased).rowcount == 1

    def remember(self, connection: Connection, feed: TrustedFeed, revision: int) -> None:
        """Store what is believed of a feed now, in the transaction of `connection`.

        Args:
            connection: of the transaction.
            feed: what is believed.
            revision: of the state that it followed from.

        Raises:
            FeedMoved: the stored state is another one by now.
        """
        table = feed_states
        values = {
            "state": feed.state.model_dump_json(),
            "revision": revision + 1,
            "is_current": feed.is_current,
            "fresh_until": feed.fresh_until,
        }
        as_read = table.c.watchlist == feed.feed.watchlist, table.c.revision == revision
        if connection.execute(update(table).where(*as_read).values(values)).rowcount == 0:
            raise FeedMoved(f"the feed of {feed.feed.watchlist} was pulled by somebody else")

    def finish(self, watchlist: str, refused: str | None, now: datetime) -> bool:
        """Write down how a pull ended, and give the feed back; return whether that is another end than the last one."""
        table = feed_states
        with writing(self._engine) as connection:
            followed = table.c.watchlist == watchlist, _is_pulled()
            row = connection.execute(select(table.c.refused).where(*followed)).one_or_none()
            if row is None:  # it is followed no longer, or just being begun anew
                return False
            values: dict[str, Any] = {"leased_to": None, "leased_until": None, "refused": refused}
            values |= {"pulled_at": now} if refused is None else {"refused_at": now}
            connection.execute(update(table).where(*followed).values(values))
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

    def _row(self, watchlist: str) -> Row:
        with self._engine.connect() as connection:
            found = connection.execute(select(feed_states).where(feed_states.c.watchlist == watchlist))
            row = found.mappings().one_or_none()
        if row is None:
            raise _unknown(watchlist)
        return row

    def _drop(self, feed: FeedId, revision: int, then: Callable[[Connection], None]) -> None:
        """Drop all copies, and do something in the transaction of the last ones."""
        while True:
            with self._store.writing() as write:
                as_marked = feed_states.c.watchlist == feed.watchlist, feed_states.c.revision == revision
                if write.connection.execute(select(feed_states.c.watchlist).where(*as_marked)).first() is None:
                    raise FeedMoved(f"the feed of {feed.watchlist} was begun or ended by somebody else")
                if self._drop_some(write, feed) < _DROPPED:
                    then(write.connection)
                    return

    def _drop_some(self, write: Writing, feed: FeedId) -> int:
        copies = select(entries.c.id).where(entries.c.watchlist == feed.watchlist, entries.c.owner == feed.owner)
        names = write.connection.execute(copies.limit(_DROPPED)).scalars().all()
        for name in names:
            write.withdraw_entry(EntryKey(feed.watchlist, name), feed.owner)
        return len(names)

    def _fresh(self, feed: FeedId, url: str, token_file: str, state: FeedState) -> dict[str, Any]:
        fresh: dict[str, Any] = feed.plain() | {"url": url, "token_file": token_file, "state": state.model_dump_json()}
        fresh |= dict.fromkeys(("fresh_until", "pulled_at", "refused", "refused_at", "leased_to", "leased_until"))
        return fresh | {"revision": 1, "is_current": False}


def _is_pulled() -> ColumnElement[bool]:
    refused = feed_states.c.refused
    return or_(refused.is_(None), refused.not_in(_DROPPING))


def _mark(connection: Connection, watchlist: str, slug: str) -> int | None:
    """Mark a feed as one whose copies are being dropped; return the new revision, or None if it is not followed.

    From here on it is behind, and nobody pulls it: whoever does just now finds the revision moved.
    """
    table, where = feed_states, feed_states.c.watchlist == watchlist
    marked = {"refused": slug, "is_current": False, "fresh_until": None, "leased_to": None, "leased_until": None}
    values = marked | {"revision": table.c.revision + 1}
    connection.execute(update(table).where(where).values(values))
    return connection.execute(select(table.c.revision).where(where)).scalar_one_or_none()


def _unknown(watchlist: str) -> FeedUnknown:
    return FeedUnknown(f"this node follows no feed of {watchlist}")


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


def _feed(row: Row) -> FeedId:
    return FeedId(owner=row["owner"], watchlist=row["watchlist"], receiver=row["receiver"])


def subscription_of(row: Row) -> Subscription:
    """Return a row of `feed_states`. One that cannot be read is told from the others, and hinders none of them."""
    state = _state(row)
    return Subscription(
        feed=_feed(row),
        url=row["url"],
        token_file=row["token_file"],
        state=state,
        revision=row["revision"],
        is_current=row["is_current"] and state is not None,
        fresh_until=row["fresh_until"],
        pulled_at=row["pulled_at"],
        refused=row["refused"],
        refused_at=row["refused_at"],
    )


def _state(row: Row) -> FeedState | None:
    try:
        return FeedState.model_validate_json(row["state"])
    except ValueError:
        return None
