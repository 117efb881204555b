"""Entries are not kept for ever: owners are reminded of reviews ahead of time, and what has expired is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.notices import NoticeKind, Notices
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
"""How often reviews are looked for; expiry is looked at every time, and no expired entry is matched meanwhile."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one look did."""

    destroyed: int
    reminded: int


@dataclass(frozen=True, slots=True)
class _Coming:
    """A review, and how long before it the owner is reminded."""

    key: EntryKey
    owner: str
    at: datetime
    ahead: timedelta


class Retention:
    """The look at what is due. One thread uses it; several processes may: nothing happens twice.

    Args:
        warning: how long before a review its owner is reminded, where no clause says so with `warn-before`.
        rules: returns the rule book in force.
    """

    def __init__(
        self, store: Store, gallery: Gallery, notices: Notices, rules: Callable[[], RuleBook], warning: timedelta
    ) -> None:
        self._store = store
        self._gallery = gallery
        self._notices = notices
        self._rules = rules
        self._warning = warning
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> Kept:
        """Destroy a batch of what has expired; once an hour, remind owners of the reviews that come up."""
        destroyed = self._destroy(now)
        if self._looked_at is not None and timedelta() <= now - self._looked_at < LOOK_EVERY:
            return Kept(destroyed, 0)
        reminded = self._remind(now)
        self._looked_at = now
        return Kept(destroyed, reminded)

    def _destroy(self, now: datetime) -> int:
        expired = self._store.expired(now, BATCH)
        if not expired:
            return 0
        with self._store.writing() as write:
            gone = [(key, owner) for key, owner in expired if write.expire_entry(key, now) is not None]
            _record(write.connection, gone, now)
        self._gallery.catch_up()
        return len(gone)

    def _remind(self, now: datetime) -> int:
        """Post a notice for each review that comes up, once for each entry and date."""
        due = [review for review in self._coming(now) if review.at - review.ahead <= now]
        reminded = 0
        for first in range(0, len(due), BATCH):
            with self._store.writing() as write:
                posted = [self._post(write.connection, review, now) for review in due[first : first + BATCH]]
            reminded += sum(posted)
        return reminded

    def _coming(self, now: datetime) -> Iterator[_Coming]:
        rules, ahead = self._rules(), dict[VisibilityClass, timedelta]()
        for review in self._store.reviews_until(now + max(self._warning, _longest_warning(rules, now))):
            if review.klass not in ahead:
                ahead[review.klass] = self._warning_of(rules, review.klass, now)
            yield _Coming(review.key, review.klass.owner, review.at, ahead[review.klass])

    def _warning_of(self, rules: RuleBook, klass: VisibilityClass, now: datetime) -> timedelta:
        owner = self._store.partner(klass.owner)
        rulings = rulings_on(rules, owner, klass, now, faces=1, fingers=1)
        said = (ruling.terms.duration(Obligation.WARN_BEFORE) for ruling in rulings)
        return max((ahead for ahead in said if ahead is not None), default=self._warning)

    def _post(self, connection: Connection, review: _Coming, now: datetime) -> bool:
        about = f"{review.key.watchlist}/{review.key.entry}/{review.at.isoformat()}"
        details = {"watchlist": review.key.watchlist, "entry": review.key.entry, "review_at": review.at.isoformat()}
        return self._notices.post(connection, NoticeKind.REVIEW_DUE, review.owner, now, details, once=about)


def _longest_warning(rules: RuleBook, now: datetime) -> timedelta:
    duties = (duty for agreement in rules.in_force(now) for policy in agreement.policies for duty in policy.duties)
    values = (duty.value for duty in duties if duty.obligation is Obligation.WARN_BEFORE)
    return max((value for value in values if isinstance(value, timedelta)), default=timedelta())


def _record(connection: Connection, gone: Sequence[tuple[EntryKey, str]], now: datetime) -> None:
    by_place = sorted(gone, key=lambda each: (each[1], each[0]))
    for (owner, watchlist), group in groupby(by_place, key=lambda each: (each[1], each[0].watchlist)):
        details = {"watchlist": watchlist, "entries": [key.entry for key, _ in group]}
        audit.record(connection, EventKind.ENTRIES_EXPIRED, Caller(owner, Role.OPERATOR, ACTOR), now, details)
