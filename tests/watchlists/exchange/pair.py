"""Two nodes: "xb" publishes its alerts from one, "xa" follows them at the other. No network between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, select

from tests.watchlists.feed.simulator import FEED, WANTED
from tests.watchlists.makers import NOW, SUBJECT, Node, faces
from watchlists.agreements.decide import RuleBook
from watchlists.database import writing
from watchlists.exchange import Publisher, Pull, PullOutcome, ReceivingKeys, SigningKeys, Subscription, Subscriptions
from watchlists.exchange.signing_keys import Holders, to_pin
from watchlists.feed import FeedId, FeedState, pin
from watchlists.records import Entry, EntryKey, Templates, VisibilityClass
from watchlists.schema import metadata


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def turn(self, ahead: timedelta) -> None:
        self.now += ahead


class Home:
    """The node of "xb"."""

    def __init__(self, node: Node, rules: RuleBook, clock: Clock) -> None:
        self.node = node
        self.store = node.store
        self.rules = rules
        self.clock = clock
        self.signing = SigningKeys(node.engine, node.store.keys)
        self.publisher = Publisher(node.store, self.signing, lambda: self.rules)

    def begin(self, key: bytes, holders: Holders | None = None) -> None:
        self.signing.publish(self.signing.draft("xb", holders, self.clock()))
        self.allow(key)

    def allow(self, key: bytes) -> bool:
        return self.publisher.allow(FEED.watchlist, FEED.receiver, key, lambda _connection: None)

    def put(self, name: str, klass: VisibilityClass = WANTED, *, templates: Templates | None = None) -> None:
        self.store.put_entry(Entry(name, klass, SUBJECT), templates or faces(len(name)))

    def withdraw(self, name: str) -> None:
        self.store.withdraw_entry(EntryKey(FEED.watchlist, name), "xb")

    def withheld(self) -> dict[str, str]:
        return {each.entry: each.reason.value for each in self.publisher.withheld()}

    # As a `Source`: what the other node is served

    def root(self, feed: FeedId, version: int) -> bytes | None:
        return self.publisher.root(feed.watchlist, feed.receiver, version)

    def timestamp(self, feed: FeedId) -> bytes:
        return self.publisher.timestamp(feed.watchlist, feed.receiver, self.clock())

    def page(self, feed: FeedId, after: int) -> bytes | None:
        return self.publisher.page(feed.watchlist, feed.receiver, after)


class Away:
    """The node of "xa"."""

    def __init__(self, node: Node, rules: RuleBook, clock: Clock) -> None:
        self.node = node
        self.store = node.store
        self.rules = rules
        self.clock = clock
        self.keys = ReceivingKeys(node.engine, node.store.keys)
        self.subscriptions = Subscriptions(node.store)
        self.puller = Pull(node.store, self.subscriptions, self.keys, lambda: self.rules, clock)

    def subscribe(self, home: Home, feed: FeedId = FEED) -> None:
        root = home.signing.root("xb")
        assert root is not None
        state = pin(to_pin(root), "xb")
        self.subscriptions.begin(feed, "https://xb.example", "/nowhere", state, lambda _connection: None)

    def store_publisher(self) -> Publisher:
        return Publisher(self.store, SigningKeys(self.node.engine, self.store.keys), lambda: self.rules)

    def begin_publishing(self, owner: str) -> None:
        signing = SigningKeys(self.node.engine, self.store.keys)
        signing.publish(signing.draft(owner, None, self.clock()))

    @property
    def subscription(self) -> Subscription:
        return self.subscriptions.of(FEED.watchlist)

    @property
    def state(self) -> FeedState:
        state = self.subscription.state
        assert state is not None
        return state

    def pull(self, source: Home) -> PullOutcome:
        return self.puller.pull(self.subscription, source)

    def names(self) -> list[str]:
        return sorted(entry.key.entry for entry in self.store.open_templates())

    def templates(self, name: str) -> Templates:
        return self.store.entry(EntryKey(FEED.watchlist, name)).templates


@dataclass
class Pair:
    """Both, and the time on both clocks."""

    home: Home
    away: Away
    clock: Clock = field(repr=False)

    def pull(self) -> PullOutcome:
        """Pull once; it must come to its end."""
        outcome = self.away.pull(self.home)
        assert outcome.refused is None, outcome.detail
        return outcome


def copy_of(node: Node) -> dict[Table, list[dict[str, Any]]]:
    """Everything in the database of a node, as a backup has it."""
    with node.engine.connect() as connection:
        return {table: [dict(row) for row in connection.execute(select(table)).mappings()] for table in ordered()}


def put_back(node: Node, kept: dict[Table, list[dict[str, Any]]]) -> None:
    with writing(node.engine) as connection:
        for table in reversed(ordered()):
            connection.execute(table.delete())
        for table in ordered():
            if kept[table]:
                connection.execute(table.insert(), kept[table])


def ordered() -> list[Table]:
    return list(metadata.sorted_tables)
