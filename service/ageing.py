"""Children grow up: once a day their entries move into the class of the age that their subjects have come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from itertools import groupby

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.majority import MajorityNotices
from service.roles import Role
from watchlists.gallery import Gallery
from watchlists.records import Age, EntryKey
from watchlists.store import AgeChange, Store

BATCH = 200
"""Entries that are written at once, so that no other writer waits long."""
ACTOR = "housekeeping"


class Ageing:
    """The daily look at the ages of subjects. One thread uses it; several processes may."""

    def __init__(
        self, store: Store, gallery: Gallery, majority: MajorityNotices, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._gallery = gallery
        self._majority = majority
        self._clock = clock
        self._looked_on: date | None = None
        self._due: list[AgeChange] = []

    def look(self) -> tuple[EntryKey, ...]:
        """Find, the first time on each day (UTC), whose birthday counts, and write the next `BATCH` of those entries.

        Returns:
            The entries written whose subjects have reached majority; in the same transaction an event names them, and
            their owners are told.
        """
        now = self._clock().astimezone(UTC)
        if now.date() != self._looked_on:
            self._due = sorted(self._store.entries_to_reage(now), key=lambda change: (change.owner, change.key))
            self._looked_on = now.date()
        if not self._due:
            return ()
        with self._store.writing() as write:
            written = write.set_ages(self._due[:BATCH])
            grown_up = tuple(change.key for change in written if change.age is Age.ADULT)
            self._majority.post(write.connection, grown_up, now)
            _record(write.connection, written, now)
        del self._due[:BATCH]  # only now: what could not be written is due again
        self._gallery.catch_up()
        return grown_up


def _record(connection: Connection, written: Sequence[AgeChange], now: datetime) -> None:
    by_place = sorted(written, key=lambda change: (change.owner, change.key))
    for (owner, watchlist), group in groupby(by_place, key=lambda change: (change.owner, change.key.watchlist)):
        changes = list(group)
        details = {
            "watchlist": watchlist,
            "entries": [change.key.entry for change in changes],
            "adults": [change.key.entry for change in changes if change.age is Age.ADULT],
        }
        audit.record(connection, EventKind.ENTRIES_AGED, Caller(owner, Role.OPERATOR, ACTOR), now, details)
