"""Whether entries may be stored, and until when: each is ruled on beside what its owner has of the same person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from models.errors import InvalidInput
from service.identity import Caller
from watchlists.agreements import Clause, Request, RuleBook
from watchlists.agreements.entering import EnteredSamples, may_enter
from watchlists.portraits import Portraits
from watchlists.records import Entry, EntryKey, LinkKind, Templates
from watchlists.store import Store


class AlreadyExpired(InvalidInput):
    slug = "already-expired"
    hint = "Give an expires_at in the future, or leave it out."


class EntryForbidden(InvalidInput):
    """A clause keeps the entry off the watchlist."""

    slug = "entry-forbidden"
    hint = "The clause says what such an entry lacks or may not be; `GET /v1/agreements` shows its text."

    def __init__(self, clauses: Sequence[Clause]) -> None:
        named = ", ".join(f"{by.source} {by.clause}" for by in clauses)
        super().__init__(f"forbidden by {named}" if named else "no rule could be put to this entry")


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """An entry whose samples are encoded.

    Args:
        entry: as its owner wants it.
        templates: what its samples became.
        samples: what the quality check said of them.
        overruled: its owner has looked: no quarantine.
        portraits: of its faces, for people.
    """

    entry: Entry
    templates: Templates
    samples: EnteredSamples
    overruled: bool = False
    portraits: Portraits = ()


@dataclass(frozen=True, slots=True)
class EntryRulings:
    """Puts entries to the rules before they are stored; `rules` returns the rule book in force."""

    store: Store
    rules: Callable[[], RuleBook]

    def on(
        self, caller: Caller, prepared: Sequence[PreparedEntry], now: datetime
    ) -> list[PreparedEntry | InvalidInput]:
        """Bring the dates of entries within the terms of the agreements, or say which clause forbids one.

        Each is ruled on beside those before it, which will be written with it.
        """
        rules = self.rules()
        entered = self.store.entered_at([item.entry.key for item in prepared])
        ruled, before = list[PreparedEntry | InvalidInput](), dict[EntryKey, Entry]()
        for item in prepared:
            key, beside = item.entry.key, self._beside(item.entry, before)
            ruled.append(_ruled(caller, rules, item, beside, entered.get(key, now), now))
            if isinstance(ruled[-1], PreparedEntry):
                before[key] = item.entry
        return ruled

    def _beside(self, entry: Entry, before: Mapping[EntryKey, Entry]) -> list[str]:
        """The categories in which the owner has entered the same person: by its links, and by those `before`."""
        same = _same_person(entry)
        classes = dict(self.store.classes_of(same)) if same else {}
        classes |= {
            key: other.klass for key, other in before.items() if key in same or entry.key in _same_person(other)
        }
        return [klass.category for klass in classes.values() if klass.owner == entry.klass.owner]


def _ruled(
    caller: Caller,
    rules: RuleBook,
    item: PreparedEntry,
    beside: Collection[str],
    entered_at: datetime,
    now: datetime,
) -> PreparedEntry | InvalidInput:
    owner = Request(caller.partner, caller.role, "", None, "", caller.country, caller.authority)
    ruling = may_enter(rules, owner, item.entry, item.samples, beside, entered_at, now)
    if not ruling.allowed:
        return EntryForbidden(ruling.decided_by)
    dates = ruling.schedule
    if dates.expires_at is not None and dates.expires_at <= now:
        return AlreadyExpired("the time for which an agreement lets this entry be kept is over")
    return replace(item, entry=replace(item.entry, review_at=dates.review_at, expires_at=dates.expires_at))


def _same_person(entry: Entry) -> list[EntryKey]:
    return [link.to for link in entry.links if link.kind is LinkKind.SAME_PERSON]
