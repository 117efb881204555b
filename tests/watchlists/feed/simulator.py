"""A partner's node in memory, which serves a feed, and every kind of bad one.

    partner = PartnerSimulator(agreement)
    partner.put("E-1")
    partner.turn_page()
    feed = partner.follower()
    partner.pull(feed)

What it holds can be changed between two pulls; what a test changes in a message is signed as the test says, so that
what is refused is refused for its content, or for its signature, as the test means it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.watchlists.makers import NOW, SUBJECT, faces
from watchlists.agreements.decide import RuleBook
from watchlists.feed import AcceptedPage, FeedId, FeedState, Receiver, TrustedFeed, pin
from watchlists.feed.content import receiving_key_id
from watchlists.feed.messages import START, Page, Part, Position, RoleKeys, Roles, Root, Timestamp
from watchlists.feed.publish import Addressee, Composed, Composition, Offer, compose, sign_message, sign_page, timestamp
from watchlists.feed.residency import node_of
from watchlists.feed.signing import LocalSigner, key_id
from watchlists.records import Entry, Partner, Templates, VisibilityClass

FEED = FeedId(owner="xb", watchlist="xb-alerts", receiver="xa")
XA = Partner("xa", "XA")
WANTED = VisibilityClass("xb", "xb-alerts", "wanted", "inform-officer", ("eyes-only",))
LOCAL = replace(WANTED, category="local")
"""A class that the agreement of the tests keeps at home."""
YEAR = timedelta(days=365)

_P = TypeVar("_P", bound=Part)


def signer() -> LocalSigner:
    return LocalSigner(Ed25519PrivateKey.generate())


def signers(count: int) -> tuple[LocalSigner, ...]:
    return tuple(signer() for _ in range(count))


def changed(part: _P, **values: Any) -> _P:
    """The same with other values, unchecked: also what an honest node would never make."""
    return part.model_copy(update=values)


@dataclass(frozen=True)
class Keys:
    """Who signs in which role."""

    root: tuple[LocalSigner, ...] = field(default_factory=lambda: signers(3))
    timestamp: tuple[LocalSigner, ...] = field(default_factory=lambda: signers(1))
    page: tuple[LocalSigner, ...] = field(default_factory=lambda: signers(1))
    root_threshold: int = 2
    page_threshold: int = 1

    def as_root(self, version: int, expires: datetime, owner: str = FEED.owner) -> Root:
        everybody = (*self.root, *self.timestamp, *self.page)
        return Root(
            owner=owner,
            version=version,
            expires=expires,
            keys={key_id(one.public): one.public for one in everybody},
            roles=Roles(
                root=_role(self.root, self.root_threshold),
                timestamp=_role(self.timestamp, 1),
                page=_role(self.page, self.page_threshold),
            ),
        )


class PartnerSimulator:
    """The node of "xb", which publishes "xb-alerts" to "xa"; and the keys of "xa", to follow it.

    Args:
        rules: the agreements of both.
        feed: what it publishes, if something else.
    """

    def __init__(self, rules: RuleBook, feed: FeedId = FEED) -> None:
        self.rules = rules
        self.feed = feed
        self.now = NOW
        self.keys = Keys()
        self.receiving = X25519PrivateKey.generate()
        self.roots = [self.keys.as_root(1, self.now + YEAR, feed.owner)]
        self.root_messages = [sign_message(self.roots[0], self.keys.root)]
        self.pages: list[Composed] = []
        self.version = 0
        self._offers: list[Offer] = []
        self._held: set[str] = set()

    # The honest node

    @property
    def head(self) -> Position:
        return self.pages[-1].page.position() if self.pages else START

    @property
    def has_offers(self) -> bool:
        return bool(self._offers)

    def put(self, name: str, klass: VisibilityClass = WANTED, *, templates: Templates | None = None) -> None:
        templates = templates or faces(len(name))
        self.put_entry(Entry(name, replace(klass, owner=self.feed.owner), SUBJECT), templates)

    def put_entry(self, entry: Entry, templates: Templates, *linked: Entry) -> None:
        self._offers.append(Offer(entry.id, (entry, templates), linked))

    def withdraw(self, name: str) -> None:
        self._offers.append(Offer(name, None))

    def turn_page(self) -> Composed:
        """Publish all changes since the last page, of which there is one to publish."""
        composed = self.publish().composed
        assert composed is not None
        return composed

    def publish(self) -> Composition:
        """Publish all changes since the last page, if there are any, and destroy contents that no longer count."""
        addressee = Addressee(self.feed, node_of(XA), self.receiving.public_key())
        composition = compose(self.head, self._offers, addressee, self.rules, self._held, self.now)
        del self._offers[: composition.taken]
        composed = composition.composed
        if composed is None:
            return composition
        standing = composed.standing
        self._held = (self._held - standing.keys()) | {name for name, stands in standing.items() if stands}
        self.pages = [_without(page, set(standing)) for page in self.pages] + [composed]
        return composition

    def rotate(self, keys: Keys, signed_by: Iterable[LocalSigner] | None = None) -> Root:
        """Publish a new root, signed by old and new root keys alike unless a test says by whom."""
        root = keys.as_root(len(self.roots) + 1, self.now + YEAR, self.feed.owner)
        signed_by = (*self.keys.root, *keys.root) if signed_by is None else signed_by
        self.roots.append(root)
        self.root_messages.append(sign_message(root, signed_by))
        self.keys = keys
        return root

    def timestamp(self, **other: Any) -> bytes:
        """The next timestamp; `other` values are signed as if they were true."""
        self.version += 1
        honest = timestamp(self.feed, self.version, self.head, self.now)
        return sign_message(changed(honest, **other), self.keys.timestamp)

    def page(self, number: int, **other: Any) -> bytes:
        """A page; `other` values are signed as if they were true."""
        composed = self.pages[number - 1]
        return self.signed(changed(composed.page, **other), composed.contents)

    def signed(self, page: Page, contents: Any) -> bytes:
        return sign_page(page, contents, self.keys.page)

    # Who follows it

    def receiver(self, *more: X25519PrivateKey) -> Receiver:
        keys = {receiving_key_id(key.public_key()): key for key in (self.receiving, *more)}
        return Receiver(node_of(XA), keys)

    def follower(self, state: FeedState | None = None) -> TrustedFeed:
        """A feed that has seen the first root, or goes on from a state."""
        return TrustedFeed(self.feed, state or pin(self.root_messages[0], self.feed.owner), self.receiver())

    def pull(self, feed: TrustedFeed, rules: RuleBook | None = None) -> Sequence[AcceptedPage]:
        """Let a feed take everything there is, in order."""
        for message in self.root_messages[feed.state.root.version :]:
            feed.update_root(message)
        feed.update_timestamp(self.timestamp(), self.now)
        after = feed.state.position.page
        return [
            feed.update_page(self.page(number), rules or self.rules, self.now)
            for number in range(after + 1, len(self.pages) + 1)
        ]


def resigned(timestamp_or_root: Timestamp | Root, by: Iterable[LocalSigner]) -> bytes:
    return sign_message(timestamp_or_root, by)


def _role(keys: Sequence[LocalSigner], threshold: int) -> RoleKeys:
    return RoleKeys(keyids=tuple(sorted(key_id(one.public) for one in keys)), threshold=threshold)


def _without(page: Composed, entries: set[str]) -> Composed:
    gone = {put.sequence for put in page.page.puts() if put.entry in entries}
    return replace(
        page, contents={sequence: sealed for sequence, sealed in page.contents.items() if sequence not in gone}
    )
