"""The notice that the subject of an entry has come of age, where an agreement asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Connection

from service.notices import NoticeKind, Notices
from watchlists.agreements import Obligation, RuleBook
from watchlists.agreements.entering import rulings_on
from watchlists.records import EntryKey
from watchlists.store import Store, StoredEntry


class MajorityNotices:
    """Tells owners. `rules` returns the rule book in force."""

    def __init__(self, store: Store, notices: Notices, rules: Callable[[], RuleBook]) -> None:
        self._store = store
        self._notices = notices
        self._rules = rules

    def post(self, connection: Connection, grown_up: Iterable[EntryKey], now: datetime) -> None:
        """Tell the owners of entries whose subjects have just come of age, in the transaction that notes it."""
        for key in grown_up:
            stored = self._store.entry(key)
            if self._asked_for(stored, now):
                details = {"watchlist": key.watchlist, "entry": key.entry}
                owner = stored.entry.klass.owner
                self._notices.post(connection, NoticeKind.MAJORITY_REACHED, owner, now, details)

    def _asked_for(self, stored: StoredEntry, now: datetime) -> bool:
        """Ask the rules that have counted for the entry so far, as that of a minor. What they cannot decide is told."""
        owner = self._store.partner(stored.entry.klass.owner)
        faces, fingers = len(stored.templates.faces), len(stored.templates.fingers)
        rulings = rulings_on(self._rules(), owner, stored.entry.klass, now, faces=faces, fingers=fingers)
        return not rulings or any(ruling.terms.has(Obligation.MAJORITY_NOTICE) for ruling in rulings)
