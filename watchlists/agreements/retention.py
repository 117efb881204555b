"""How long an entry, a copy of it or a probe is kept, by the terms under which it came in. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from watchlists.agreements.actions import Deed
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Request
from watchlists.agreements.terms import Terms
from watchlists.records import VisibilityClass

LIMITS: Final = frozenset({Obligation.REVIEW_EVERY, Obligation.RETAIN_AT_MOST})
"""The terms that bring the dates of an entry nearer."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an entry is looked at again, when its owner is warned, and from when on it is not matched and deleted."""

    review_at: datetime | None
    warn_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProbeKeeping:
    """Until when the probe of a check may be kept, and by whom.

    Args:
        by: "asker", "owner", or both.
        owners: those of the candidates whose agreements allow it, by id.
        decided_by: the clauses that allow it.
    """

    until: datetime
    by: tuple[str, ...]
    owners: tuple[str, ...] = ()
    decided_by: tuple[Clause, ...] = ()

    def keepers(self, asker: str) -> tuple[str, ...]:
        """The partners that keep it, each once."""
        asking = (asker,) if "asker" in self.by else ()
        return tuple(dict.fromkeys((*asking, *(self.owners if "owner" in self.by else ()))))


def schedule(terms: Terms, entered_at: datetime, review_at: datetime | None, expires_at: datetime | None) -> Schedule:
    """Bring the dates that an owner gave within the terms: earlier if the terms ask for it, never later.

    The warning comes `warn-before` ahead of whichever date is first.
    """
    review = _earliest(review_at, _after(entered_at, terms.duration(Obligation.REVIEW_EVERY)))
    expiry = _earliest(expires_at, _after(entered_at, terms.duration(Obligation.RETAIN_AT_MOST)))
    first = _earliest(review, expiry)
    ahead = terms.duration(Obligation.WARN_BEFORE)
    warn = None if first is None or ahead is None else max(entered_at, first - ahead)
    return Schedule(review, warn, expiry)


def reschedule(
    of_authorities: Iterable[Terms], entered_at: datetime, review_at: datetime | None, expires_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Bring the dates of an entry that is there within new terms: earlier, or as they are, never later.

    Args:
        of_authorities: the terms for each authority of the owner that may have written the entry. It does not say which
            has, so the mildest count: nothing is destroyed that one of them may keep.
        entered_at: when it was first written, from which its retention counts.
        review_at: as it stands.
        expires_at: as it stands.

    Returns:
        When it is looked at again, and when it expires.
    """
    found = [schedule(terms, entered_at, review_at, expires_at) for terms in of_authorities]
    if not found:
        return review_at, expires_at
    return _latest(*(each.review_at for each in found)), _latest(*(each.expires_at for each in found))


def expiry_after_purpose(terms: Terms, achieved_at: datetime, expires_at: datetime | None) -> datetime | None:
    """When an entry is deleted whose purpose is achieved: at once, unless the terms give it time; never later than
    without.
    """  # noqa: D205
    return _earliest(expires_at, achieved_at + terms.duration(Obligation.DELETE_AFTER_PURPOSE, timedelta()))


def copy_expiry(rules: RuleBook, receiver: Request, klass: VisibilityClass, copied_at: datetime) -> datetime | None:
    """Until when a copy of an alert may live at the receiver's node: never longer than an agreement that allows it.

    What the caller still owes: to ask again once the agreements change.

    Returns:
        `copied_at` itself if it may not leave home at all, None if its life has no limit.
    """
    ruling = rules.ask(Deed.COPY, receiver, klass, copied_at)
    if not ruling.allowed:
        return copied_at
    within = _after(copied_at, ruling.terms.duration(Obligation.COPIES_AT_MOST))
    return _earliest(within, rules.ends_at(ruling.decided_by))


def probe_keeping(
    rules: RuleBook, asked: Request, classes: Iterable[VisibilityClass], now: datetime
) -> ProbeKeeping | None:
    """Whether the probe of a check may be kept, given the classes of its candidates; None if not.

    Some owner's agreement must allow it, with an end, and none may forbid it; the shortest time and the fewest keepers
    win. What an agreement allows ends with it.
    """
    ruled = [(klass.owner, rules.ask(Deed.KEEP_PROBE, asked, klass, now)) for klass in classes]
    if any(not ruling.allowed and ruling.decided_by for _, ruling in ruled):
        return None
    allowing = [(owner, ruling) for owner, ruling in ruled if ruling.allowed]
    terms = Terms.merge(duty for _, ruling in allowing for duty in ruling.terms.duties)
    longest = terms.duration(Obligation.KEEP_AT_MOST)
    if longest is None:
        return None
    keepers = terms.words(Obligation.KEPT_BY) if terms.has(Obligation.KEPT_BY) else ("asker",)
    if not keepers:
        return None
    decided_by = tuple(dict.fromkeys(clause for _, ruling in allowing for clause in ruling.decided_by))
    ends_at, until = rules.ends_at(decided_by), now + longest
    until = until if ends_at is None else min(until, ends_at)
    return ProbeKeeping(until, keepers, tuple(sorted({owner for owner, _ in allowing})), decided_by)


def _after(moment: datetime, duration: timedelta | None) -> datetime | None:
    return None if duration is None else moment + duration


def _latest(*moments: datetime | None) -> datetime | None:
    """The last of the moments; None, which is never, comes after all of them."""
    known = [moment for moment in moments if moment is not None]
    return max(known) if len(known) == len(moments) else None


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
