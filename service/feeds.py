"""Feeds between nodes: who may ask for what, what the operator arranges, and what of it goes on record."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.feed_source import http_source, require_url, tls
from service.identity import Caller, require
from service.roles import Role
from service.settings import Settings
from watchlists.agreements import RuleBook
from watchlists.database import writing
from watchlists.exchange import (
    Publisher,
    Pull,
    PullOutcome,
    ReceivingKeys,
    SigningKeys,
    Subscription,
    Subscriptions,
)
from watchlists.exchange.errors import FeedFollowed, FeedUnreachable
from watchlists.exchange.signing_keys import to_pin
from watchlists.feed import AcceptedPage, Arrival, Departure, FeedId, pin
from watchlists.feed.messages import Root
from watchlists.store import Store

OPERATOR = "operator"
SYNC = "sync"
FEED = "feed"


@dataclass(frozen=True, slots=True)
class Feeds:
    """Both sides of this node: what it publishes and what it follows."""

    store: Store
    signing: SigningKeys
    publisher: Publisher
    receiving: ReceivingKeys
    subscriptions: Subscriptions
    puller: Pull
    clock: Callable[[], datetime]
    tls: ssl.SSLContext
    stopping: Event

    # Asked by receivers. UnknownWatchlist if the list is not published to the caller's partner.

    def root(self, caller: Caller, watchlist: str, version: int) -> bytes | None:
        """Return a root of the list's owner; None if that version does not exist yet."""
        require(caller, Role.SYNC)
        return self.publisher.root(watchlist, caller.partner, version)

    def timestamp(self, caller: Caller, watchlist: str) -> bytes:
        """Return up to where the feed goes now."""
        require(caller, Role.SYNC)
        return self.publisher.timestamp(watchlist, caller.partner, self.clock())

    def page(self, caller: Caller, watchlist: str, after: int) -> bytes | None:
        """Return the page that follows page `after`; None if there is none yet.

        That it was sent is on record with its owner, whose entries left the node.
        """
        require(caller, Role.SYNC)
        page = self.publisher.page(watchlist, caller.partner, after)
        if page is not None:
            with writing(self.store.engine) as connection:
                details: audit.Details = {"watchlist": watchlist, "receiver": caller.partner, "page": after + 1}
                owner = self.store.watchlist(watchlist).owner
                self._record(connection, EventKind.FEED_PAGE_SENT, owner, FEED, details)
        return page

    def require_home(self, caller: Caller, watchlist: str) -> None:
        """Check that no feed writes a list of the caller's: what it wrote here, its own node would not know of.

        Raises:
            FeedFollowed: one does.
        """
        if self.subscriptions.owner_of(watchlist) == caller.partner:
            raise FeedFollowed(f"{watchlist} is a copy here, which a feed writes")

    # Arranged by the operator

    def publish_root(self, draft: bytes) -> Root:
        """Bring a root into force; see `SigningKeys.publish`."""
        return self.signing.publish(draft, self._note_root)

    def allow(self, watchlist: str, receiver: str, key: bytes) -> bool:
        """Publish a watchlist to a partner, sealed to its key; see `Publisher.allow`."""

        def note(connection: Connection) -> None:
            details = {"watchlist": watchlist, "receiver": receiver, "key": key.hex()}
            self._record(connection, EventKind.FEED_ALLOWED, receiver, OPERATOR, details)

        return self.publisher.allow(watchlist, receiver, key, note)

    def receiving_key(self, receiver: str, *, new: bool) -> bytes:
        """Return the public key that feeds for a partner of this node are sealed to; make one if there is none yet.

        Args:
            receiver: the partner.
            new: make one in any case, in place of the one handed out so far.

        Raises:
            UnknownPartner: there is no such partner.
        """
        found = None if new else self.receiving.newest(receiver)

        def note(connection: Connection) -> None:
            self._record(connection, EventKind.FEED_KEY_MADE, receiver, OPERATOR, {})

        return found or self.receiving.make(receiver, self.clock(), note)

    def subscribe(self, feed: FeedId, url: str, token_file: str, root: bytes) -> None:
        """Follow a feed, or begin it anew, from a root that the operators of both nodes have compared.

        Raises:
            FeedUrlInvalid: the address is none, or would send the token in clear.
            FeedRefused: the root is none of that owner.
            UnknownPartner, WatchlistNameTaken, FeedFollowed: see `Subscriptions.begin`.
        """
        state = pin(to_pin(root), feed.owner)

        def note(connection: Connection) -> None:
            details: audit.Details = {
                "owner": feed.owner,
                "watchlist": feed.watchlist,
                "root": state.root.version,
            }
            self._record(connection, EventKind.FEED_SUBSCRIBED, feed.receiver, OPERATOR, details)

        self.subscriptions.begin(feed, require_url(url), token_file, state, note)

    def unsubscribe(self, watchlist: str) -> None:
        """Follow a feed no longer; its copies are destroyed.

        Raises:
            FeedUnknown: it is not followed.
        """
        feed = self.subscriptions.of(watchlist).feed

        def note(connection: Connection) -> None:
            details = {"owner": feed.owner, "watchlist": watchlist}
            self._record(connection, EventKind.FEED_UNSUBSCRIBED, feed.receiver, OPERATOR, details)

        self.subscriptions.end(watchlist, note)

    # Pulled

    def pull(self, subscription: Subscription) -> PullOutcome:
        """Pull one feed from its owner's node, to its end or until the process is asked to stop."""
        try:
            with http_source(subscription, self.tls) as source:
                return self.puller.pull(subscription, source, lambda: not self.stopping.is_set())
        except FeedUnreachable as error:  # before anything was asked: the token file
            self.subscriptions.finish(subscription.feed.watchlist, error.slug, self.clock())
            return PullOutcome(subscription.feed, refused=error.slug, detail=error.detail)

    def _note_root(self, connection: Connection, root: Root) -> None:
        details = {
            "version": root.version,
            "threshold": root.roles.root.threshold,
            "holders": len(root.roles.root.keyids),
        }
        self._record(connection, EventKind.FEED_ROOT_PUBLISHED, root.owner, OPERATOR, details)

    def _record(
        self, connection: Connection, kind: EventKind, partner: str, actor: str, details: audit.Details
    ) -> None:
        audit.record(connection, kind, Caller(partner, Role.OPERATOR, actor), self.clock(), details)


def make_feeds(settings: Settings, store: Store, rules: Callable[[], RuleBook], clock: Callable[[], datetime]) -> Feeds:
    """Put the feeds of a node together. Needs none of the models.

    Raises:
        FeedCertificateUnusable: a certificate that the settings name cannot be read.
    """
    signing = SigningKeys(store.engine, store.keys)
    receiving, subscriptions = ReceivingKeys(store.engine, store.keys), Subscriptions(store)

    def note(connection: Connection, accepted: AcceptedPage) -> None:
        page, effects = accepted.page, accepted.effects
        details: audit.Details = {
            "owner": page.feed.owner,
            "watchlist": page.feed.watchlist,
            "page": page.number,
            "arrived": [effect.entry.id for effect in effects if isinstance(effect, Arrival)],
            "departed": [effect.entry for effect in effects if isinstance(effect, Departure)],
        }
        caller = Caller(page.feed.receiver, Role.OPERATOR, SYNC)
        audit.record(connection, EventKind.FEED_PAGE_APPLIED, caller, clock(), details)

    return Feeds(
        store=store,
        signing=signing,
        publisher=Publisher(store, signing, rules),
        receiving=receiving,
        subscriptions=subscriptions,
        puller=Pull(store, subscriptions, receiving, rules, clock, note),
        clock=clock,
        tls=tls(settings.feed_authorities, settings.feed_certificate),
        stopping=Event(),
    )
