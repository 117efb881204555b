"""What a feed offers next: entries that the log says have changed, and those of which rules or time decide anew.

Three sources, one for each page, in this order:

1. *A sweep* over all entries of the list, in the order of their names, whenever what decides has changed: the
   agreements in force, the state that the receiver acts for, its key. It offers what differs from what the receiver
   has, and what has links: they may lead to other entries that it may have. The first sweep of a feed is its beginning.
2. *The change log*, from where it was followed last. Of several changes of one entry the last one counts.
3. *Time*: copies whose life is half over and could be longer, and entries that their owner hid until now.

When an entry that others link to changes, those are not offered again for that: a link to what may go only now follows
with the next change or sweep, and one to what may no longer go stays there, where its name is known, as long.

A batch says how far each offer brings the feed, so that one that is not taken is offered again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from watchlists.agreements.decide import RuleBook
from watchlists.errors import SealBroken
from watchlists.exchange.heads import Head
from watchlists.feed.publish import Offer
from watchlists.feed.residency import Leave, leave_at
from watchlists.feed_schema import feed_held, feed_withheld
from watchlists.keys import KeyRing
from watchlists.records import Entry, Templates, VisibilityClass
from watchlists.schema import changes, entries
from watchlists.store.choice import among
from watchlists.store.sealed_rows import clear_entry, open_entry

LOOKED_AT: Final = 1000
"""Rows that are looked at for one page; no page has more changes."""
STRETCHES: Final = 100
"""How often a sweep looks further, if it finds nothing to offer, before it notes how far it came."""
_TOLERANCE: Final = timedelta(seconds=1)
_SEALED: Final = frozenset({"digest", "wrapped_key", "sealed_subject", "sealed_templates", "key_generation"})
_CLEAR: Final = [column for column in entries.c if column.name not in _SEALED]

Progress = Mapping[str, Any]
"""New values of columns of `feed_heads`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Offers, and how far each brings the feed.

    Args:
        offers: in their order; empty if there is nothing to publish, only to be noted.
        progress: after each of the offers,
        at_end: and after all.
        unreadable: entries that do not open, and could not be offered.
        settled: copies that need not be looked at again before something else changes.
        moved: entries at home whose purposes are others now, with these.
    """

    offers: Sequence[Offer] = field(repr=False)
    progress: Sequence[Progress]
    at_end: Progress
    unreadable: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    moved: Mapping[str, str] = field(default_factory=dict)

    def after(self, taken: int) -> Progress:
        """Return how far the feed is once the first `taken` offers are published."""
        return self.at_end if taken == len(self.offers) else self.progress[taken - 1]


def decider(rules: RuleBook, head: Head, now: datetime) -> str:
    """Return a name for all that decides over a whole feed: it changes when any of that does."""
    parts = (rules.fingerprint(head.node.partner, now), head.node.country, head.key_id)
    return sha256("\0".join(parts).encode()).hexdigest()


class Offers:
    """What one feed offers, as of one state of the database."""

    def __init__(self, connection: Connection, keys: KeyRing, head: Head, rules: RuleBook, now: datetime) -> None:
        self._connection = connection
        self._keys = keys
        self._head = head
        self._now = now
        self._decider = decider(rules, head, now)
        self.leave: Callable[[VisibilityClass], Leave] = leave_at(rules, head.node, now)
        self.versions: dict[str, int] = {}
        """The number of the change that wrote it, for each entry that was looked at to be offered."""

    def next(self, purposes: Callable[[VisibilityClass], str]) -> Batch | None:
        """Return what comes next; None if the feed says all there is to say.

        Args:
            purposes: for which the receiver might search an entry of that class at home, separated by spaces.
        """
        if self._head.decided_by != self._decider:
            return self._sweep("", purposes)
        if self._head.swept_to is not None:
            return self._sweep(self._head.swept_to, purposes)
        return self._logged() or self._due()

    # The sources

    def _sweep(self, after: str, purposes: Callable[[VisibilityClass], str]) -> Batch:
        moved: dict[str, str] = {}
        chosen: list[Row[Any]] = []
        for _ in range(STRETCHES):
            rows = self._rows(select(*_CLEAR).where(entries.c.id > after).order_by(entries.c.id).limit(LOOKED_AT))
            names = [row.id for row in rows]
            held, at_home = self._held(names), self._at_home(names)
            for row in rows:
                klass = clear_entry(row).klass
                if self._may_go(row):
                    if row.id not in held or self._differs(held[row.id], klass):
                        chosen.append(row)
                elif row.id in held or row.id not in at_home:
                    chosen.append(row)
                elif at_home[row.id].purposes != purposes(klass):
                    moved[row.id] = purposes(klass)
            ended = len(rows) < LOOKED_AT
            after = names[-1] if names else after
            if chosen or ended or moved:
                break
        swept = {"decided_by": self._decider, "swept_to": None if ended else after}
        offers, unreadable = self._offers([row.id for row in chosen])
        progress = [{"decided_by": self._decider, "swept_to": offer.entry} for offer in offers]
        return Batch(offers, progress, swept, unreadable, moved=moved)

    def _logged(self) -> Batch | None:
        of_this = changes.c.watchlist == self._head.feed.watchlist, changes.c.sequence > self._head.followed
        query = select(changes.c.sequence, changes.c.entry).where(*of_this).order_by(changes.c.sequence)
        found = self._connection.execute(query.limit(LOOKED_AT)).all()
        if not found:
            return None
        last = {row.entry: row.sequence for row in found}
        offers, unreadable = self._offers(sorted(self._unpublished(last), key=last.__getitem__))
        progress = [{"followed": last[offer.entry]} for offer in offers]
        return Batch(offers, progress, {"followed": found[-1].sequence}, unreadable)

    def _due(self) -> Batch | None:
        head = self._head
        held = select(feed_held.c.entry).where(head.rows_of(feed_held), feed_held.c.refresh_at <= self._now)
        hidden = select(feed_withheld.c.entry).where(head.rows_of(feed_withheld), feed_withheld.c.again_at <= self._now)
        aged = list(self._connection.execute(held.limit(LOOKED_AT // 2)).scalars())
        shown = list(self._connection.execute(hidden.limit(LOOKED_AT // 2)).scalars())
        if not aged and not shown:
            return None
        rows = self._rows(select(*_CLEAR).where(entries.c.id.in_(aged)))
        copies = self._held(aged)
        going = {row.id: clear_entry(row).klass for row in rows if self._may_go(row)}
        longer = [name for name, klass in going.items() if self._lengthens(copies[name], klass)]
        offers, unreadable = self._offers([*longer, *shown])
        settled = tuple(sorted(set(aged) - set(longer)))
        return Batch(offers, [{}] * len(offers), {}, unreadable, settled)

    # What they ask

    def _may_go(self, row: Row[Any]) -> bool:
        expired = row.expires_at is not None and row.expires_at <= self._now
        return not expired and self.leave(clear_entry(row).klass).allowed

    def _differs(self, copy: Row[Any], klass: VisibilityClass) -> bool:
        """Whether a copy was sent to another key, with another end than it would be now, or perhaps other links."""
        if copy.linked:
            return True
        until, sent = self.until(klass), _moment(copy.until)
        if copy.sealed_to != self._head.key_id or until is None or sent is None:
            return bool(copy.sealed_to != self._head.key_id) or until != sent
        return abs(until - sent) > _TOLERANCE

    def _lengthens(self, copy: Row[Any], klass: VisibilityClass) -> bool:
        until, sent = self.until(klass), _moment(copy.until)
        return sent is not None and (until is None or until > sent + _TOLERANCE)

    def until(self, klass: VisibilityClass) -> datetime | None:
        """Return when a copy that goes now must be gone; None if it may live as long as the entry."""
        life = self.leave(klass).life
        return None if life is None else self._now + life

    def _unpublished(self, names: Collection[str]) -> set[str]:
        """Return those of which the version of now was not offered yet: a sweep may have come first."""
        known = {name: row.version for rows in (self._held(names), self._at_home(names)) for name, row in rows.items()}
        rows = self._rows(select(entries.c.id, entries.c.sequence).where(entries.c.id.in_(names)))
        return set(names) - {row.id for row in rows if known.get(row.id) == row.sequence}

    def _held(self, names: Collection[str]) -> dict[str, Row[Any]]:
        return self._by_entry(select(feed_held).where(self._head.rows_of(feed_held), feed_held.c.entry.in_(names)))

    def _at_home(self, names: Collection[str]) -> dict[str, Row[Any]]:
        query = select(feed_withheld).where(self._head.rows_of(feed_withheld), feed_withheld.c.entry.in_(names))
        return self._by_entry(query)

    def _by_entry(self, query: Select[Any]) -> dict[str, Row[Any]]:
        return {row.entry: row for row in self._connection.execute(query)}

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return self._connection.execute(query.where(entries.c.watchlist == self._head.feed.watchlist)).all()

    # The offers

    def _offers(self, names: Sequence[str]) -> tuple[list[Offer], tuple[str, ...]]:
        """Return entries as they stand now, in that order, and the names of those that do not open."""
        rows = {row.id: row for row in self._rows(select(entries).where(entries.c.id.in_(names)))}
        self.versions |= {name: row.sequence for name, row in rows.items()}
        offers, unreadable = [], []
        for name in names:
            try:
                current = self._opened(rows[name]) if name in rows else None
            except SealBroken:
                unreadable.append(name)
            else:
                offers.append(Offer(name, current, () if current is None else self._linked(current[0])))
        return offers, tuple(unreadable)

    def _linked(self, entry: Entry) -> tuple[Entry, ...]:
        """Return what is in clear of the entries that the links of one lead to."""
        if not entry.links:
            return ()
        to = {link.to for link in entry.links}
        return tuple(map(clear_entry, self._connection.execute(select(*_CLEAR).where(among(to)))))

    def _opened(self, row: Row[Any]) -> tuple[Entry, Templates]:
        if not self._may_go(row):
            return clear_entry(row), Templates()  # its class is all that anybody asks for
        return open_entry(row, self._keys.generation(self._connection, row.owner, row.key_generation))


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None
