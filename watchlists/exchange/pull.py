"""Pulls one feed: roots, timestamp, pages, as far as they can be believed; each step is stored before the next.

A pull that breaks off, wherever, is gone on with by the next one. What is refused changes nothing but the record that
it was refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Connection

from watchlists.agreements.decide import RuleBook
from watchlists.database import UNAVAILABLE, writing
from watchlists.exchange.errors import FeedInternal, FeedMoved, FeedStateUnreadable, FeedUnreachable
from watchlists.exchange.receiving_keys import ReceivingKeys
from watchlists.exchange.subscriptions import Subscription, Subscriptions
from watchlists.feed import AcceptedPage, FeedId, FeedState, Receiver, TrustedFeed
from watchlists.feed.errors import FeedContentMissing, FeedGap, FeedRefused
from watchlists.feed.residency import node_of
from watchlists.replica import apply_page
from watchlists.store import Store

logger = logging.getLogger(__name__)

ROOTS: Final = 64
"""Roots that are followed in one pull."""
Note = Callable[[Connection, AcceptedPage], None]
"""Puts a page on record, in the transaction that applies it."""


class Source(Protocol):
    """Where the messages of a feed come from: the owner's node. Whatever comes is believed only after `TrustedFeed`."""

    def root(self, feed: FeedId, version: int) -> bytes | None:
        """Return a root of the owner; None if that version does not exist yet.

        Raises:
            FeedUnreachable: no answer, or something other than a message.
            FeedOversize: it is larger than any root.
        """
        ...

    def timestamp(self, feed: FeedId) -> bytes:
        """Return the newest timestamp. Raises as `root` does."""
        ...

    def page(self, feed: FeedId, after: int) -> bytes | None:
        """Return the page that follows page `after`; None if there is none yet. Raises as `root` does."""
        ...


@dataclass(frozen=True, slots=True)
class PullOutcome:
    """How a pull ended.

    Args:
        feed: which was pulled.
        pages: that were applied.
        refused: slug of why it did not come to its end; None if it did.
        detail: the same in words.
        is_busy: another process pulls this feed just now; nothing was done.
    """

    feed: FeedId
    pages: int = 0
    refused: str | None = None
    detail: str = ""
    is_busy: bool = False


class Pull:
    """Pulls feeds into a store.

    Args:
        store: takes the entries.
        subscriptions: what is followed.
        keys: that contents are sealed to.
        rules: returns the rule book in force.
        clock: aware.
        note: puts pages on record.
    """

    def __init__(
        self,
        store: Store,
        subscriptions: Subscriptions,
        keys: ReceivingKeys,
        rules: Callable[[], RuleBook],
        clock: Callable[[], datetime],
        note: Note = lambda _connection, _page: None,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._keys = keys
        self._rules = rules
        self._clock = clock
        self._note = note

    def pull(self, subscription: Subscription, source: Source, go_on: Callable[[], bool] = lambda: True) -> PullOutcome:
        """Take over everything there is of one feed. What is refused is written down, and the outcome says it.

        Args:
            subscription: which feed.
            source: of its messages.
            go_on: asked before each page; False ends the pull early.
        """
        feed, dropping = subscription.feed, subscription.dropping
        if dropping is not None:
            return PullOutcome(feed, refused=dropping.slug, detail=dropping.detail)
        if not self._subscriptions.lease(feed.watchlist, self._clock()):
            return PullOutcome(feed, is_busy=True)
        one = _OneFeed(self._store, self._subscriptions, self._rules, self._clock, self._note, source)
        try:
            one.take(self._subscriptions.of(feed.watchlist), self._receiver(subscription), go_on)
        except FeedMoved:
            return PullOutcome(feed, one.pages, is_busy=True)
        except (FeedRefused, FeedUnreachable) as error:
            return self._refuse(feed, one.pages, error)
        except UNAVAILABLE:
            self._subscriptions.release(feed.watchlist)
            raise
        except Exception as error:  # noqa: BLE001 -- whatever a message sets off is a refusal that people hear of
            logger.error("the feed of %s: unhandled %s", feed.watchlist, type(error).__name__)
            return self._refuse(feed, one.pages, FeedInternal(f"unhandled {type(error).__name__}"))
        except BaseException:
            self._subscriptions.release(feed.watchlist)
            raise
        if self._subscriptions.finish(feed.watchlist, None, self._clock()):
            logger.warning("the feed of %s of %s goes on", feed.watchlist, feed.owner)
        return PullOutcome(feed, one.pages)

    def _refuse(self, feed: FeedId, pages: int, error: FeedRefused | FeedUnreachable) -> PullOutcome:
        if self._subscriptions.finish(feed.watchlist, error.slug, self._clock()):
            logger.warning("the feed of %s of %s is refused: %s: %s", feed.watchlist, feed.owner, error.slug, error)
        return PullOutcome(feed, pages, error.slug, error.detail)

    def _receiver(self, subscription: Subscription) -> Receiver:
        partner = self._store.partner(subscription.feed.receiver)
        with self._store.engine.connect() as connection:
            return Receiver(node_of(partner), self._keys.all(connection, partner.id))


class _OneFeed:
    """One pull of one feed."""

    def __init__(
        self,
        store: Store,
        subscriptions: Subscriptions,
        rules: Callable[[], RuleBook],
        clock: Callable[[], datetime],
        note: Note,
        source: Source,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._rules = rules
        self._clock = clock
        self._note = note
        self._source = source
        self._revision = 0
        self.pages = 0

    def take(self, subscription: Subscription, receiver: Receiver, go_on: Callable[[], bool]) -> None:
        self._revision = subscription.revision
        if subscription.state is None:
            raise FeedStateUnreadable("what is remembered of the feed cannot be read")
        feed = TrustedFeed(subscription.feed, subscription.state, receiver)
        self._take_roots(feed)
        while True:
            before = self.pages
            self._take_timestamp(feed)
            while not feed.is_current and go_on():
                self._take_page(feed)
            if self.pages == before or not go_on():  # the end, as the publisher saw it after our last page
                return

    def _take_roots(self, feed: TrustedFeed) -> None:
        for _ in range(ROOTS):
            message = self._source.root(feed.feed, feed.state.root.version + 1)
            if message is None:
                return
            feed.update_root(message)
            self._store_state(feed)

    def _take_timestamp(self, feed: TrustedFeed) -> None:
        if feed.update_timestamp(self._source.timestamp(feed.feed), self._clock()):
            self._store_state(feed)

    def _take_page(self, feed: TrustedFeed) -> None:
        after = feed.state.position.page
        message = self._source.page(feed.feed, after)
        if message is None:
            raise FeedGap(f"page {after + 1} is announced and not served")
        try:
            page = feed.update_page(message, self._rules(), self._clock())
        except FeedContentMissing:  # an entry was withdrawn after the timestamp was made: a newer one knows of it
            head = feed.head
            self._take_timestamp(feed)
            if feed.head == head:
                raise
            page = feed.update_page(message, self._rules(), self._clock())
        self._subscriptions.lease(feed.feed.watchlist, self._clock())

        def remember(connection: Connection, _state: FeedState) -> None:
            self._subscriptions.remember(connection, feed, self._revision)
            self._note(connection, page)

        apply_page(self._store, page, remember, self._clock())
        self._revision += 1
        self.pages += 1

    def _store_state(self, feed: TrustedFeed) -> None:
        with writing(self._store.engine) as connection:
            self._subscriptions.remember(connection, feed, self._revision)
        self._revision += 1
