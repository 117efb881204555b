"""What a node publishes to one receiving partner: composes pages, and signs messages. No IO, no clock.

The rules of publication:

1. A page holds an entry only if copies of it may go to the receiver at that moment; sealed to the receiver.
2. A change of an entry that stays at home, and that the receiver does not have, takes no number and makes no page: the
   numbers are those of the feed alone, and a receiver learns neither of that change nor of when it was.
3. An entry that the receiver has, and which from now on may not leave home or is withdrawn, is withdrawn there.
4. What the receiver never had is never named to it, not even when it is withdrawn. A link goes with its entry only if
   copies of what it leads to may go there as well, at that moment, or the receiver owns it.
5. What has expired is as good as withdrawn.
6. Pages are immutable. They are signed when they are served, with the keys of the day, over what is left out that day.

What the caller owes:

- one publisher of a feed at a time; page, contents, new position and what stayed at home in one transaction;
- to offer entries again when rules, time (`hidden_until`), the life of a copy or the receiver's key change what may go;
  those that have links too, for they may then name others than before;
- to destroy the content of a put once a later change names the same entry, in the transaction of that change;
- a new timestamp well before the last one expires, and a new root before that does.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from watchlists.agreements.decide import RuleBook
from watchlists.agreements.facts import Request
from watchlists.errors import ForeignWatchlist
from watchlists.feed.content import EntryCopy, receiving_key_id, seal_copy
from watchlists.feed.errors import FeedOversize
from watchlists.feed.messages import (
    CHANGES_CAP,
    PAGE_CAP,
    FeedId,
    Page,
    Part,
    Position,
    Put,
    Root,
    SignedPage,
    Timestamp,
    Withdraw,
)
from watchlists.feed.residency import leave_at
from watchlists.feed.signing import Signer, canonical, sign
from watchlists.records import Entry, Templates

CONTENT_CAP: Final = PAGE_CAP // 2
"""Bytes of all sealed contents of a page: with base64, names and digests it stays below `PAGE_CAP`."""
FRESHNESS: Final = timedelta(minutes=10)
"""For how long a timestamp is good."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One change of the publisher's log.

    Args:
        entry: its name.
        current: how it stands now; None if it was withdrawn.
        linked: entries that its links lead to, as they stand, of whatever list; what is sealed of them is not needed.
    """

    entry: str
    current: tuple[Entry, Templates] | None = field(repr=False)
    linked: tuple[Entry, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Addressee:
    """To whom a feed goes: who it is to the rules, and the key that contents are sealed to."""

    feed: FeedId
    node: Request
    key: X25519PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Composed:
    """A new page.

    Args:
        page: what is signed, for ever the same.
        contents: the sealed contents, by sequence.
    """

    page: Page
    contents: Mapping[int, bytes] = field(repr=False)

    @property
    def standing(self) -> Mapping[str, bool]:
        """Of each entry that the page names, whether the receiver has it afterwards: what the page says of it last."""
        return {change.entry: isinstance(change, Put) for change in self.page.changes}


@dataclass(frozen=True, slots=True)
class Composition:
    """What came of offers.

    Args:
        composed: the page; None if all of them stay at home, and the receiver has none of them.
        withheld: entries that stayed at home, for the operator of the publishing node alone.
        taken: how many of the offers are dealt with; the others are for the next page.
    """

    composed: Composed | None
    withheld: tuple[str, ...]
    taken: int


def compose(
    after: Position,
    offers: Sequence[Offer],
    to: Addressee,
    rules: RuleBook,
    held: Collection[str],
    now: datetime,
) -> Composition:
    """Compose the page that follows `after`.

    Args:
        after: the last page.
        offers: changes that are not yet published, in the order of the log; at least one.
        to: the receiver.
        rules: the agreements.
        held: entries whose last published change was a put.
        now: the moment of publication; aware.

    Raises:
        FeedOversize: the first entry alone is larger than a page may be.
        ForeignWatchlist: an entry is not of the watchlist of the feed.
    """
    page = _Composing(after, to, rules, held, now)
    taken = 0
    for offer in offers:
        if not page.add(offer):
            break
        taken += 1
    if not taken:
        raise FeedOversize("an entry is larger than a page may be", hint="Enrol it again with fewer samples.")
    return page.finished(taken)


class _Composing:
    def __init__(self, after: Position, to: Addressee, rules: RuleBook, held: Collection[str], now: datetime) -> None:
        self._after, self._to, self._held, self._now = after, to, held, now
        self._leave = leave_at(rules, to.node, now)
        self._changes: list[Put | Withdraw] = []
        self._contents: dict[int, bytes] = {}
        self._named: dict[str, int | None] = {}  # in this page: the sequence of the content, None for a withdrawal
        self._withheld: list[str] = []
        self._last, self._size = after.sequence, 0

    def add(self, offer: Offer) -> bool:
        """Take a change in; False if the page is full."""
        sequence = self._last + 1
        sealed = self._sealed(offer, sequence)
        size = 0 if sealed is None else len(sealed)
        if sealed is None and not self._is_held(offer.entry):
            self._stay(offer)
            return True
        if len(self._changes) == CHANGES_CAP or self._size + size > CONTENT_CAP:
            return False
        if sealed is not None:
            self._put(offer.entry, sequence, sealed)
        else:
            self._name(offer.entry, None)
            self._changes.append(Withdraw(sequence=sequence, entry=offer.entry))
            self._stay(offer)
        self._last, self._size = sequence, self._size + size
        return True

    def finished(self, taken: int) -> Composition:
        composed = Composed(self._page(), self._contents) if self._changes else None
        return Composition(composed, tuple(self._withheld), taken)

    def _page(self) -> Page:
        return Page(
            feed=self._to.feed,
            number=self._after.page + 1,
            previous=self._after.digest,
            first=self._after.sequence + 1,
            last=self._last,
            published=self._now,
            sealed_to=receiving_key_id(self._to.key),
            changes=tuple(self._changes),
        )

    def _sealed(self, offer: Offer, sequence: int) -> bytes | None:
        """The sealed content of an entry; None if there is none any more, or it stays at home."""
        if offer.current is None:
            return None
        entry, templates = offer.current
        feed = self._to.feed
        if (entry.klass.owner, entry.key.watchlist, entry.id) != (feed.owner, feed.watchlist, offer.entry):
            raise ForeignWatchlist(f"an entry of {entry.key.watchlist} does not belong in the feed of {feed.watchlist}")
        if not self._goes(entry):
            return None
        life = self._leave(entry.klass).life
        until = None if life is None else self._now + life
        named = {other.key for other in offer.linked if other.klass.owner == feed.receiver or self._goes(other)}
        sent = replace(entry, links=tuple(link for link in entry.links if link.to in named))
        return seal_copy(EntryCopy(sent, templates, until), feed, sequence, self._to.key)

    def _goes(self, entry: Entry) -> bool:
        expired = entry.expires_at is not None and entry.expires_at <= self._now
        return not expired and self._leave(entry.klass).allowed

    def _is_held(self, entry: str) -> bool:
        return self._named[entry] is not None if entry in self._named else entry in self._held

    def _put(self, entry: str, sequence: int, sealed: bytes) -> None:
        self._name(entry, sequence)
        self._contents[sequence] = sealed
        self._changes.append(Put(sequence=sequence, entry=entry, digest=sha256(sealed).hexdigest()))

    def _name(self, entry: str, sequence: int | None) -> None:
        """Remember what the page says last of an entry; what it said before needs no content."""
        before = self._named.get(entry)
        if before is not None:
            del self._contents[before]
        self._named[entry] = sequence

    def _stay(self, offer: Offer) -> None:
        if offer.current is not None:
            self._withheld.append(offer.entry)


def timestamp(feed: FeedId, version: int, head: Position, now: datetime, at_home: Collection[str] = ()) -> Timestamp:
    """Return the promise that the feed goes up to `head`; `version` is one more than that of the last promise."""
    expires, purposes = now + FRESHNESS, tuple(sorted(at_home))
    return Timestamp(feed=feed, version=version, issued=now, expires=expires, head=head, at_home=purposes)


def sign_message(signed: Root | Timestamp, signers: Iterable[Signer]) -> bytes:
    """Return a root or timestamp as it is sent. A new root is signed with old and new root keys alike."""
    return _message(signed, signers)


def sign_page(page: Page, contents: Mapping[int, bytes], signers: Iterable[Signer]) -> bytes:
    """Return a page as it is sent, with those of its contents that there still are, by sequence."""
    left_out = tuple(put.sequence for put in page.puts() if put.sequence not in contents)
    kept = [b64encode(contents[put.sequence]).decode() for put in page.puts() if put.sequence in contents]
    return _message(SignedPage(page=page, left_out=left_out), signers, contents=kept)


def _message(signed: Part, signers: Iterable[Signer], **beside: Any) -> bytes:
    plain = signed.plain()
    return canonical({"signed": plain, "signatures": sign(plain, signers), **beside})
