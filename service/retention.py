"""Entries are not kept for ever: owners are told ahead of reviews and of the end, and what has expired is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.notices import NoticeKind, Notices
from service.rescheduling import Rescheduling
from service.roles import Role
from watchlists.agreements import Obligation, RuleBook
from watchlists.agreements.entering import rulings_on
from watchlists.gallery import Gallery
from watchlists.records import EntryKey, VisibilityClass
from watchlists.store import Store

BATCH = 200
"""Entries that are destroyed or reminded of at once, so that no other writer waits long."""
ACTOR = "housekeeping"
LOOK_EVERY = timedelta(hours=1)
"""How often owners are reminded; expiry is looked at every time, and no expired entry is matched meanwhile."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one look did."""

    destroyed: int
    reminded: int
    rescheduled: int


@dataclass(frozen=True, slots=True)
class _Coming:
    """A review or an expiry, and how long before it the owner is reminded."""

    kind: NoticeKind
    key: EntryKey
    owner: str
    at: datetime
    ahead: timedelta


class Retention:
    """The look at what is due. One thread uses it; several processes may: nothing happens twice.

    Args:
        rules: returns the rule book in force.
        copies: returns the watchlists that come from other nodes, where their owners are reminded.
        warning: how long before a review or expiry the owner is reminded, where no clause says so with `warn-before`.
    """

    def __init__(
        self,
        store: Store,
        gallery: Gallery,
        notices: Notices,
        rules: Callable[[], RuleBook],
        copies: Callable[[], Container[str]],
        warning: timedelta,
    ) -> None:
        self._store = store
        self._gallery = gallery
        self._notices = notices
        self._rules = rules
        self._copies = copies
        self._rescheduling = Rescheduling(store, gallery, rules, copies)
        self._warning = warning
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> Kept:
        """Reckon dates again where rules have changed, and destroy a batch of what has expired.

        Once an hour, and whenever dates were changed, owners are reminded of what comes up: before it is destroyed.
        """
        rescheduled, reminded = self._rescheduling.look(now), 0
        if rescheduled or self._looked_at is None or not timedelta() <= now - self._looked_at < LOOK_EVERY:
            reminded = self._remind(now)
            self._looked_at = now
        return Kept(self._destroy(now), reminded, rescheduled)

    def _destroy(self, now: datetime) -> int:
        expired = self._store.dates.expired(now, BATCH)
        if not expired:
            return 0
        with self._store.writing() as write:
            gone = [(key, owner) for key, owner in expired if write.expire_entry(key, now) is not None]
            _record(write.connection, gone, now)
        self._gallery.catch_up()
        return len(gone)

    def _remind(self, now: datetime) -> int:
        """Post a notice for each review and expiry that comes up, once for each entry and date."""
        due = [coming for coming in self._coming(now) if coming.at - coming.ahead <= now]
        reminded = 0
        for first in range(0, len(due), BATCH):
            with self._store.writing() as write:
                posted = [self._post(write.connection, coming, now) for coming in due[first : first + BATCH]]
            reminded += sum(posted)
        return reminded

    def _coming(self, now: datetime) -> Iterator[_Coming]:
        rules, copies, ahead = self._rules(), self._copies(), dict[VisibilityClass, timedelta]()
        until, dates = now + max(self._warning, _longest_warning(rules, now)), self._store.dates
        reviews, expiries = dates.reviews_until(until), dates.expiries_until(until)
        for kind, coming in ((NoticeKind.REVIEW_DUE, reviews), (NoticeKind.EXPIRY_DUE, expiries)):
            for due in coming:
                if due.key.watchlist in copies:
                    continue
                if due.klass not in ahead:
                    ahead[due.klass] = self._warning_of(rules, due.klass, now)
                yield _Coming(kind, due.key, due.klass.owner, due.at, ahead[due.klass])

    def _warning_of(self, rules: RuleBook, klass: VisibilityClass, now: datetime) -> timedelta:
        owner = self._store.partner(klass.owner)
        rulings = rulings_on(rules, owner, klass, now, faces=1, fingers=1)
        said = (ruling.terms.duration(Obligation.WARN_BEFORE) for ruling in rulings)
        return max((ahead for ahead in said if ahead is not None), default=self._warning)

    def _post(self, connection: Connection, coming: _Coming, now: datetime) -> bool:
        key, at = coming.key, coming.at.isoformat()
        date = "review_at" if coming.kind is NoticeKind.REVIEW_DUE else "expires_at"
        details = {"watchlist": key.watchlist, "entry": key.entry, date: at}
        about = f"{key.watchlist}/{key.entry}/{at}"
        return self._notices.post(connection, coming.kind, coming.owner, now, details, once=about)


def _longest_warning(rules: RuleBook, now: datetime) -> timedelta:
    duties = (duty for agreement in rules.in_force(now) for policy in agreement.policies for duty in policy.duties)
    values = (duty.value for duty in duties if duty.obligation is Obligation.WARN_BEFORE)
    return max((value for value in values if isinstance(value, timedelta)), default=timedelta())


def _record(connection: Connection, gone: Sequence[tuple[EntryKey, str]], now: datetime) -> None:
    by_place = sorted(gone, key=lambda each: (each[1], each[0]))
    for (owner, watchlist), group in groupby(by_place, key=lambda each: (each[1], each[0].watchlist)):
        details = {"watchlist": watchlist, "entries": [key.entry for key, _ in group]}
        audit.record(connection, EventKind.ENTRIES_EXPIRED, Caller(owner, Role.OPERATOR, ACTOR), now, details)
