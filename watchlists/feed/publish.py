"""What a node publishes to one receiving partner: composes pages, and signs messages. No IO, no clock.

The rules of publication:

1. A page holds an entry only if copies of it may go to the receiver at that moment; sealed to the receiver.
2. A change of an entry that stays at home takes a number and says nothing else, so that numbers have no gaps.
3. An entry that the receiver has, and which from now on may not leave home or is withdrawn, is withdrawn there.
4. What the receiver never had is never named to it, not even when it is withdrawn.
5. What has expired is as good as withdrawn.
6. Pages are immutable. They are signed when they are served, with the keys of the day, over what is left out that day.

What the caller owes:

- one publisher of a feed at a time; page, contents and new position in one transaction;
- to offer entries again when rules, time (`hidden_until`), the life of a copy or the receiver's key change what may go;
- to destroy the content of a put once a later change names the same entry, in the transaction of that change;
- a new timestamp well before the last one expires, and a new root before that does.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    Withheld,
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
    """One change of the publisher's log: how the entry stands now; None if it was withdrawn."""

    entry: str
    current: tuple[Entry, Templates] | None = field(repr=False)


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
        withheld: entries that stayed at home, for the operator of the publishing node alone.
        taken: how many of the offers are in it; the others are for the next page.
    """

    page: Page
    contents: Mapping[int, bytes] = field(repr=False)
    withheld: tuple[str, ...]
    taken: int

    @property
    def standing(self) -> Mapping[str, bool]:
        """Of each entry that the page names, whether the receiver has it afterwards: what the page says of it last."""
        named = (change for change in self.page.changes if not isinstance(change, Withheld))
        return {change.entry: isinstance(change, Put) for change in named}


def compose(
    after: Position,
    offers: Sequence[Offer],
    to: Addressee,
    rules: RuleBook,
    held: Collection[str],
    now: datetime,
) -> Composed:
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
        self._changes: list[Put | Withdraw | Withheld] = []
        self._contents: dict[int, bytes] = {}
        self._named: dict[str, int | None] = {}  # in this page: the sequence of the content, None for a withdrawal
        self._withheld: list[str] = []
        self._last, self._size = after.sequence, 0

    def add(self, offer: Offer) -> bool:
        """Take a change in; False if the page is full."""
        sequence = self._last + 1
        sealed = self._sealed(offer, sequence)
        size = 0 if sealed is None else len(sealed)
        if len(self._changes) == CHANGES_CAP or self._size + size > CONTENT_CAP:
            return False
        if sealed is not None:
            self._put(offer.entry, sequence, sealed)
        elif self._is_held(offer.entry):
            self._name(offer.entry, None)
            self._changes.append(Withdraw(sequence=sequence, entry=offer.entry))
        else:
            self._withhold(sequence)
        if sealed is None and offer.current is not None:
            self._withheld.append(offer.entry)
        self._last, self._size = sequence, self._size + size
        return True

    def finished(self, taken: int) -> Composed:
        page = Page(
            feed=self._to.feed,
            number=self._after.page + 1,
            previous=self._after.digest,
            first=self._after.sequence + 1,
            last=self._last,
            published=self._now,
            sealed_to=receiving_key_id(self._to.key),
            changes=tuple(self._changes),
        )
        return Composed(page, self._contents, tuple(self._withheld), taken)

    def _sealed(self, offer: Offer, sequence: int) -> bytes | None:
        """The sealed content of an entry; None if there is none any more, or it stays at home."""
        if offer.current is None:
            return None
        entry, templates = offer.current
        feed = self._to.feed
        if (entry.klass.owner, entry.key.watchlist, entry.id) != (feed.owner, feed.watchlist, offer.entry):
            raise ForeignWatchlist(f"an entry of {entry.key.watchlist} does not belong in the feed of {feed.watchlist}")
        going = self._leave(entry.klass)
        if not going.allowed or (entry.expires_at is not None and entry.expires_at <= self._now):
            return None
        until = None if going.life is None else self._now + going.life
        return seal_copy(EntryCopy(entry, templates, until), feed, sequence, self._to.key)

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

    def _withhold(self, sequence: int) -> None:
        run = self._changes[-1] if self._changes else None
        if isinstance(run, Withheld):
            self._changes[-1] = Withheld(sequence=run.sequence, count=run.count + 1)
        else:
            self._changes.append(Withheld(sequence=sequence, count=1))


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
