"""One step of a published feed, as it is stored: a page with its contents, and what the receiver has by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, select, update

from watchlists.exchange.heads import Head, WithheldBecause
from watchlists.exchange.offers import Batch, Offers
from watchlists.feed.publish import Composed, Composition, Offer
from watchlists.feed.signing import canonical
from watchlists.feed_schema import feed_contents, feed_heads, feed_held, feed_pages, feed_withheld
from watchlists.keys import KeyRing
from watchlists.keys.values import GENERATION_SIZE, generation_of, prefix_of
from watchlists.records import Entry, VisibilityClass
from watchlists.schema import changes
from watchlists.store import Store

_CONTENT: Final = "feed content"


def read_contents(connection: Connection, keys: KeyRing, head: Head, page: int) -> dict[int, bytes]:
    """Return those sealed contents of a page that there still are, by sequence.

    Raises:
        SealBroken: one was changed or moved, or is of an older generation of its owner's key.
    """
    query = select(feed_contents).where(head.rows_of(feed_contents), feed_contents.c.page == page)
    rows = connection.execute(query).all()
    generations = {generation_of(row.sealed) for row in rows}
    opening = {number: keys.generation(connection, head.feed.owner, number) for number in generations}
    return {
        row.sequence: opening[generation_of(row.sealed)].open(
            _CONTENT, row.sealed[GENERATION_SIZE:], *_place(head, row.sequence)
        )
        for row in rows
    }


class Step:
    """Stores one step of a feed, in its transaction.

    Args:
        connection: of the transaction, which has the turn of the change log.
        store: of the node.
        head: how the feed stood before.
        offers: that the step was made of.
        purposes: for which the receiver might search an entry of a class at home, separated by spaces.
        now: the moment of publication.
    """

    def __init__(
        self,
        connection: Connection,
        store: Store,
        head: Head,
        offers: Offers,
        purposes: Callable[[VisibilityClass], str],
        now: datetime,
    ) -> None:
        self._connection = connection
        self._store = store
        self._head = head
        self._offers = offers
        self._purposes = purposes
        self._now = now
        self.destroyed = 0
        """Contents that are gone, for a later change names the same entry."""

    def store(self, composition: Composition, taken: Sequence[Offer], as_of: int, oversize: str | None) -> None:
        """Store a page if there is one, what the receiver has by it, and what stays at home.

        Args:
            composition: what came of the offers.
            taken: the offers that are dealt with in it.
            as_of: number of the change that the entries were read as of.
            oversize: an entry that stays at home for its size.
        """
        current = {offer.entry: offer.current[0] for offer in taken if offer.current is not None}
        if composition.composed is not None:
            self._publish(composition.composed, current, as_of)
        self._forget(feed_withheld, [offer.entry for offer in taken])
        at_home = [self._at_home(current[name]) for name in dict.fromkeys(composition.withheld)]
        if oversize is not None:
            at_home.append(self._withheld(oversize, WithheldBecause.OVERSIZE, current[oversize].klass))
        self._insert(feed_withheld, at_home)

    def _publish(self, composed: Composed, current: Mapping[str, Entry], as_of: int) -> None:
        page = canonical(composed.page.plain())
        number = composed.page.number
        self._connection.execute(feed_pages.insert().values(self._head.key | {"number": number, "page": page}))
        named = list(composed.standing)
        self.destroyed = self._forget(feed_contents, named)
        self._forget(feed_held, named)
        self._keep_contents(composed, self._changed_since(as_of))
        held = [self._held(current[name]) for name, stands in composed.standing.items() if stands]
        self._insert(feed_held, held)

    def note(self, batch: Batch) -> None:
        """Write down what a batch has found beside its offers, and for which purposes entries are at home."""
        for name in batch.unreadable:
            self._forget(feed_withheld, [name])
            self._insert(feed_withheld, [self._withheld(name, WithheldBecause.UNREADABLE, None)])
        for name, purposes in batch.moved.items():
            of_entry = self._head.rows_of(feed_withheld), feed_withheld.c.entry == name
            self._connection.execute(update(feed_withheld).where(*of_entry).values(purposes=purposes))
        if batch.settled:
            of_copies = self._head.rows_of(feed_held), feed_held.c.entry.in_(batch.settled)
            self._connection.execute(update(feed_held).where(*of_copies).values(refresh_at=None))
        query = select(feed_withheld.c.purposes).where(self._head.rows_of(feed_withheld)).distinct()
        found = {purpose for text in self._connection.execute(query).scalars() for purpose in text.split()}
        of_feed = self._head.rows_of(feed_heads)
        self._connection.execute(update(feed_heads).where(of_feed).values(at_home=sorted(found)))

    def _keep_contents(self, composed: Composed, changed: frozenset[str]) -> None:
        owner = self._head.feed.owner
        key = self._store.keys.current(self._connection, owner)
        entry_of = {put.sequence: put.entry for put in composed.page.puts()}
        self._insert(
            feed_contents,
            [
                self._head.key
                | {
                    "sequence": sequence,
                    "page": composed.page.number,
                    "entry": entry_of[sequence],
                    "owner": owner,
                    "sealed": prefix_of(key.generation) + key.seal(_CONTENT, sealed, *_place(self._head, sequence)),
                }
                for sequence, sealed in composed.contents.items()
                if entry_of[sequence] not in changed
            ],
        )

    def _changed_since(self, as_of: int) -> frozenset[str]:
        of_list = changes.c.watchlist == self._head.feed.watchlist, changes.c.sequence > as_of
        return frozenset(self._connection.execute(select(changes.c.entry).where(*of_list)).scalars())

    def _held(self, entry: Entry) -> dict[str, Any]:
        until = self._offers.until(entry.klass)
        refresh_at = None if until is None else self._now + (until - self._now) / 2
        row = {"sealed_to": self._head.key_id, "until": until, "refresh_at": refresh_at, "linked": bool(entry.links)}
        return self._head.key | self._version(entry.id) | row

    def _withheld(self, name: str, reason: WithheldBecause, klass: VisibilityClass | None) -> dict[str, Any]:
        hidden = None if klass is None else klass.conditions.hidden_until
        row = {
            "reason": reason.value,
            "purposes": "" if klass is None else self._purposes(klass),
            "since": self._now,
            "again_at": hidden if hidden is not None and hidden > self._now else None,
        }
        return self._head.key | self._version(name) | row

    def _version(self, name: str) -> dict[str, Any]:
        return {"entry": name, "version": self._offers.versions[name]}

    def _at_home(self, entry: Entry) -> dict[str, Any]:
        expired = entry.expires_at is not None and entry.expires_at <= self._now
        return self._withheld(entry.id, WithheldBecause.EXPIRED if expired else WithheldBecause.RULES, entry.klass)

    def _forget(self, table: Table, names: Sequence[str]) -> int:
        of_entries = self._head.rows_of(table), table.c.entry.in_(names)
        return self._connection.execute(delete(table).where(*of_entries)).rowcount if names else 0

    def _insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.execute(table.insert(), list(rows))


def _place(head: Head, sequence: int) -> Iterable[str]:
    return head.feed.watchlist, head.feed.receiver, str(sequence)
