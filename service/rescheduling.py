"""Rules change, and with them how long entries may be kept: the dates of those that are stored are reckoned again."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.roles import Role
from watchlists.agreements import RuleBook, Terms
from watchlists.agreements.entering import rulings_on
from watchlists.agreements.retention import LIMITS, reschedule
from watchlists.gallery import Gallery
from watchlists.records import EntryKey, VisibilityClass
from watchlists.store import DateChange, DatedEntry, Store

PAGE: Final = 2000
"""Entries that are looked at in one go; a look takes some tens of milliseconds."""
BATCH: Final = 200
"""Entries that are written at once, so that no other writer waits long."""
ACTOR: Final = "housekeeping"


class Rescheduling:
    """The look at dates that agreements no longer allow. One thread uses it; several processes may.

    Dates only come nearer: what was given, and what was agreed before, stays a limit. An entry does not say which
    authority of its owner has written it; where agreements tell them apart, the mildest terms count.

    Args:
        rules: returns the rule book in force.
        copies: returns the watchlists that come from other nodes, whose owners reckon for themselves.
        page: entries that are looked at in one go.
    """

    def __init__(
        self,
        store: Store,
        gallery: Gallery,
        rules: Callable[[], RuleBook],
        copies: Callable[[], Container[str]],
        page: int = PAGE,
    ) -> None:
        self._store = store
        self._gallery = gallery
        self._rules = rules
        self._copies = copies
        self._page = page
        self._reckoned_by: tuple[str, ...] | None = None
        self._last: EntryKey | None = None
        self._is_done = False

    def look(self, now: datetime) -> int:
        """Reckon the next page again, once other words are in force; return how many entries got other dates."""
        rules = self._rules()
        words = tuple(agreement.text for agreement in rules.in_force(now))
        if words != self._reckoned_by:
            self._reckoned_by, self._last, self._is_done = words, None, not _limits_dates(rules, now)
        if self._is_done:
            return 0
        page = self._store.dates.after(self._last, self._page)
        written = self._write(self._changes(page, rules, now), now)
        self._last, self._is_done = (page[-1].key if page else None), len(page) < self._page
        return written

    def _changes(self, page: Iterable[DatedEntry], rules: RuleBook, now: datetime) -> list[DateChange]:
        copies, known = self._copies(), dict[VisibilityClass, list[Terms]]()
        changes = []
        for entry in page:
            if entry.key.watchlist in copies:
                continue
            if entry.klass not in known:
                known[entry.klass] = self._terms(rules, entry.klass, now)
            dates = reschedule(known[entry.klass], entry.entered_at, entry.review_at, entry.expires_at)
            if dates != (entry.review_at, entry.expires_at):
                changes.append(DateChange(entry.key, entry.klass.owner, entry.sequence, *dates))
        return changes

    def _terms(self, rules: RuleBook, klass: VisibilityClass, now: datetime) -> list[Terms]:
        owner = self._store.partner(klass.owner)
        return [ruling.terms for ruling in rulings_on(rules, owner, klass, now, faces=1, fingers=1)]

    def _write(self, changes: Sequence[DateChange], now: datetime) -> int:
        written = 0
        for first in range(0, len(changes), BATCH):
            with self._store.writing() as write:
                done = write.set_dates(changes[first : first + BATCH])
                _record(write.connection, done, now)
            written += len(done)
        if written:
            self._gallery.catch_up()
        return written


def _limits_dates(rules: RuleBook, now: datetime) -> bool:
    """Whether any agreement in force says anything that `reschedule` heeds."""
    policies = (policy for agreement in rules.in_force(now) for policy in agreement.policies)
    return any(duty.obligation in LIMITS for policy in policies for duty in policy.duties)


def _record(connection: Connection, written: Sequence[DateChange], now: datetime) -> None:
    by_place = sorted(written, key=lambda change: (change.owner, change.key))
    for (owner, watchlist), group in groupby(by_place, key=lambda change: (change.owner, change.key.watchlist)):
        details = {"watchlist": watchlist, "entries": [change.key.entry for change in group]}
        audit.record(connection, EventKind.ENTRIES_RESCHEDULED, Caller(owner, Role.OPERATOR, ACTOR), now, details)
