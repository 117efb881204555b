"""Applies the pages of a partner's feed to this node's store: what was believed takes effect, whole or not at all.

A copy is an entry like any other here: sealed under a data key of its own, in this node's change log, followed by its
galleries. What only its owner may do, only the feed does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Connection

from watchlists.errors import ForeignWatchlist, UnknownWatchlist
from watchlists.feed import AcceptedPage, Arrival, Departure, FeedId, FeedState
from watchlists.feed.errors import FeedForeignOwner
from watchlists.records import Entry, EntryKey, Templates
from watchlists.store import Store, Writing

Remember = Callable[[Connection, FeedState], None]
"""Stores the state of a feed in the transaction of that connection."""


def apply_page(store: Store, page: AcceptedPage, remember: Remember, now: datetime) -> None:
    """Apply a page and remember where the feed is, in one transaction.

    Entries that depart lose their data keys. A copy whose time is over before it came is not kept, and what there is of
    that entry goes.

    Raises:
        FeedForeignOwner: on this node the watchlist is another partner's, or nobody's.
    """
    feed = page.page.feed
    with store.writing() as write:
        try:
            _apply(write, [_as_of(effect, now) for effect in page.effects], feed)
        except (ForeignWatchlist, UnknownWatchlist):
            raise FeedForeignOwner(f"watchlist {feed.watchlist} does not belong to {feed.owner} here") from None
        remember(write.connection, page.state)


def _as_of(effect: Arrival | Departure, now: datetime) -> Arrival | Departure:
    if isinstance(effect, Departure) or effect.entry.expires_at is None or effect.entry.expires_at > now:
        return effect
    return Departure(effect.sequence, effect.entry.id)


def _apply(write: Writing, effects: Iterable[Arrival | Departure], feed: FeedId) -> None:
    arrived: list[tuple[Entry, Templates]] = []
    for effect in effects:
        if isinstance(effect, Arrival):
            arrived.append((effect.entry, effect.templates))
            continue
        write.put_entries(arrived)  # what came before must not come back
        arrived = []
        write.withdraw_entry(EntryKey(feed.watchlist, effect.entry), feed.owner)
    write.put_entries(arrived)
