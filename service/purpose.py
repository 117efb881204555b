"""An owner says that the purpose of an entry is achieved: it is kept as long as the agreements say then, no longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service import audit
from service.audit import EventKind
from service.enrolment import Enrolment
from service.identity import Caller
from watchlists.agreements import Request, RuleBook, Terms
from watchlists.agreements.actions import Deed
from watchlists.agreements.retention import expiry_after_purpose
from watchlists.errors import EntryChanged
from watchlists.gallery import Gallery
from watchlists.records import EntryKey
from watchlists.store import DateChange, Store, StoredEntry


@dataclass(frozen=True, slots=True)
class Purposes:
    """What owners say of their entries' purposes; `rules` returns the rule book in force."""

    store: Store
    gallery: Gallery
    enrolment: Enrolment
    rules: Callable[[], RuleBook]
    clock: Callable[[], datetime]

    def achieve(self, caller: Caller, key: EntryKey) -> datetime:
        """Begin the countdown of one of the caller's entries; return when it ends, which is never later than before.

        Saying it again changes nothing. An entry that is written anew begins anew.

        Raises:
            UnknownWatchlist, UnknownEntry: the caller has no such list, or the list no such entry.
            EntryChanged: it was written at this moment; the call can be repeated.
        """
        self.enrolment.own_watchlist(caller, key.watchlist)
        stored, now = self.store.entry(key), self.clock()
        before = stored.entry.expires_at
        expires_at = expiry_after_purpose(self._terms(caller, stored, now), now, before) or now
        if expires_at == before:
            return expires_at
        change = DateChange(key, caller.partner, stored.sequence, stored.entry.review_at, expires_at)
        with self.store.writing() as write:
            if not write.set_dates([change]):
                raise EntryChanged(f"entry {key.entry} on watchlist {key.watchlist} was changed meanwhile")
            details = {"watchlist": key.watchlist, "entry": key.entry, "expires_at": expires_at.isoformat()}
            audit.record(write.connection, EventKind.PURPOSE_ACHIEVED, caller, now, details)
        self.gallery.catch_up()
        return expires_at

    def _terms(self, caller: Caller, stored: StoredEntry, now: datetime) -> Terms:
        owner = Request(caller.partner, caller.role, "", None, "", caller.country, caller.authority)
        samples = {"warnings": [], "faces": len(stored.templates.faces), "fingers": len(stored.templates.fingers)}
        return self.rules().ask(Deed.ENTER, owner, stored.entry.klass, now, **samples).terms
