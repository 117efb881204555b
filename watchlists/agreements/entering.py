"""Whether a partner may put an alert on its watchlist, and until when it stays there. Pure.

1. Only the owner enters and edits (`rights.may_edit`); the caller has bound the partner to its token.
2. No rule of an agreement that the owner is party to forbids it: too young, too petty, too poor a sample.
3. It is compatible with what its owner has already entered about the same person.
4. Its dates are brought within the terms of the clauses that speak of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from watchlists.agreements.actions import Deed
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.facts import Request
from watchlists.agreements.load import Agreement
from watchlists.agreements.retention import Schedule, schedule
from watchlists.agreements.ruling import Ruling
from watchlists.agreements.terms import NO_TERMS, Terms
from watchlists.records import Entry, Partner, VisibilityClass

COMPATIBILITY: Final = "compatibility"
"""What stands for the id of a rule where `incompatible` of agreement.toml decided."""


@dataclass(frozen=True, slots=True)
class EnteredSamples:
    """What the quality check says of the samples of an entry: its warnings, and how many are usable."""

    warnings: tuple[str, ...] = ()
    faces: int = 0
    fingers: int = 0


@dataclass(frozen=True, slots=True)
class EntryRuling:
    """Whether an entry may be stored. `schedule` is what its dates become; `decided_by` who forbids it, if anybody."""

    allowed: bool
    schedule: Schedule
    terms: Terms = NO_TERMS
    decided_by: tuple[Clause, ...] = ()


def may_enter(
    rules: RuleBook,
    owner: Request,
    entry: Entry,
    samples: EnteredSamples,
    others: Collection[str],
    entered_at: datetime,
    now: datetime,
) -> EntryRuling:
    """Decide on a new or changed entry.

    Args:
        rules: the rule book.
        owner: the partner that writes, as a requester.
        entry: what it wants to store.
        samples: what the quality check said.
        others: categories in which it has already entered the same person.
        entered_at: when it was first written, from which its retention counts.
        now: when.
    """
    as_given = Schedule(entry.review_at, None, entry.expires_at)
    more = {"warnings": list(samples.warnings), "faces": samples.faces, "fingers": samples.fingers}
    ruling = rules.ask(Deed.ENTER, owner, entry.klass, now, **more)
    if not ruling.allowed:
        return EntryRuling(allowed=False, schedule=as_given, decided_by=ruling.decided_by)
    agreements = [agreement for agreement in rules.in_force(now) if owner.partner in agreement.parties]
    if against := incompatible(agreements, entry.klass.category, others):
        return EntryRuling(allowed=False, schedule=as_given, decided_by=(against,))
    kept = schedule(ruling.terms, entered_at, entry.review_at, entry.expires_at)
    return EntryRuling(allowed=True, schedule=kept, terms=ruling.terms, decided_by=ruling.decided_by)


def rulings_on(
    rules: RuleBook, owner: Partner, klass: VisibilityClass, now: datetime, *, faces: int, fingers: int
) -> list[Ruling]:
    """What rules ask of the owner of an entry which is there: a ruling for each authority that may have written it.

    An entry does not say which; those that may not are left out.
    """
    binding = (agreement for agreement in rules.in_force(now) if owner.id in agreement.parties)
    authorities = frozenset({""}).union(*(agreement.authorities for agreement in binding))
    asked = [
        Request(owner.id, "sync", "", None, "", owner.country, authority=authority) for authority in sorted(authorities)
    ]
    samples: dict[str, Any] = {"warnings": [], "faces": faces, "fingers": fingers}
    rulings = (rules.ask(Deed.ENTER, each, klass, now, **samples) for each in asked)
    return [ruling for ruling in rulings if ruling.allowed]


def incompatible(agreements: Collection[Agreement], category: str, others: Collection[str]) -> Clause | None:
    """The clause by which nobody may be entered in `category` who is already in one of `others`; None if there is none.

    Of two that do not go together the one of higher priority may be entered beside the other, whose action then gives
    way to it.
    """
    for agreement in agreements:
        for other in others:
            apart = frozenset({category, other}) in agreement.incompatible
            if apart and not _precedes(agreement.priority, category, other):
                return Clause(agreement.id, agreement.version, COMPATIBILITY, agreement.compatibility_cites)
    return None


def _precedes(priority: tuple[str, ...], category: str, other: str) -> bool:
    ranks = {name: rank for rank, name in enumerate(priority)}
    return ranks.get(category, len(ranks)) < ranks.get(other, len(ranks))
