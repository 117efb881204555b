"""When entries are to be looked at again, and when they expire. No seal is opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Column, Engine, and_, or_, select

from watchlists.records import EntryKey
from watchlists.schema import entries
from watchlists.store.choice import CLEAR, STREAMED
from watchlists.store.results import DatedEntry, Due
from watchlists.store.sealed_rows import clear_entry


class Dates:
    """Reads the dates of a store's entries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reviews_until(self, moment: datetime) -> Iterator[Due]:
        """Stream the entries whose review is at `moment` or before."""
        return self._until(entries.c.review_at, moment)

    def expiries_until(self, moment: datetime) -> Iterator[Due]:
        """Stream the entries that expire at `moment` or before."""
        return self._until(entries.c.expires_at, moment)

    def expired(self, now: datetime, most: int) -> list[tuple[EntryKey, str]]:
        """Return entries that have expired by `now`, with their owners, those of longest ago first; at most `most`."""
        query = select(entries.c.watchlist, entries.c.id, entries.c.owner).where(entries.c.expires_at <= now)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(entries.c.expires_at).limit(most))
            return [(EntryKey(row.watchlist, row.id), row.owner) for row in rows]

    def after(self, last: EntryKey | None, most: int) -> list[DatedEntry]:
        """Return entries with their dates in the order of their keys, `most` of those behind `last`, or the first ones.

        One of which nobody knows when it was entered is left out.
        """
        query = select(*CLEAR).where(entries.c.entered_at.is_not(None)).order_by(entries.c.watchlist, entries.c.id)
        if last is not None:
            behind = and_(entries.c.watchlist == last.watchlist, entries.c.id > last.entry)
            query = query.where(or_(entries.c.watchlist > last.watchlist, behind))
        with self._engine.connect() as connection:
            rows = [(row, clear_entry(row)) for row in connection.execute(query.limit(most))]
        return [
            DatedEntry(entry.key, entry.klass, row.entered_at, entry.review_at, entry.expires_at, row.sequence)
            for row, entry in rows
        ]

    def _until(self, date: Column[datetime], moment: datetime) -> Iterator[Due]:
        query = select(*CLEAR).where(date <= moment).execution_options(yield_per=STREAMED)
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                yield Due(clear_entry(row).key, clear_entry(row).klass, getattr(row, date.name))
