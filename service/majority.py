"""The notice that the subject of an entry has come of age, where an agreement asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from service.notices import NoticeKind, Notices
from service.roles import Role
from watchlists.agreements import Deed, Obligation, Request, RuleBook
from watchlists.errors import UnknownEntry
from watchlists.records import EntryKey
from watchlists.store import Store, StoredEntry


class MajorityNotices:
    """Tells owners. `rules` returns the rule book in force."""

    def __init__(self, store: Store, notices: Notices, rules: Callable[[], RuleBook]) -> None:
        self._store = store
        self._notices = notices
        self._rules = rules

    def post(self, grown_up: Iterable[EntryKey], now: datetime) -> None:
        """Tell the owners of entries whose subjects have reached majority, where a rule asks for it; once each."""
        for key in grown_up:
            try:
                stored = self._store.entry(key)
            except UnknownEntry:
                continue  # withdrawn since
            if self._asked_for(stored, now):
                with self._store.writing() as write:
                    details = {"watchlist": key.watchlist, "entry": key.entry}
                    about = f"{key.watchlist}/{key.entry} {stored.sequence}"
                    owner, kind = stored.entry.klass.owner, NoticeKind.MAJORITY_REACHED
                    self._notices.post(write.connection, kind, owner, now, details, once=about)

    def _asked_for(self, stored: StoredEntry, now: datetime) -> bool:
        klass, templates = stored.entry.klass, stored.templates
        owner = self._store.partner(klass.owner)
        asked = Request(owner.id, Role.SYNC, "", None, "", country=owner.country)
        more = {"warnings": [], "faces": len(templates.faces), "fingers": len(templates.fingers)}
        return self._rules().ask(Deed.ENTER, asked, klass, now, **more).terms.has(Obligation.MAJORITY_NOTICE)
