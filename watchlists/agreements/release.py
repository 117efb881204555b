"""When what waits may be seen: after enough people have confirmed, and the owner has released it, in time. Pure.

1. Only reviewers who said "same person" confirm, each once; whoever entered the alert does not.
2. One who says "different person" stops the release; people must settle it first.
3. As many as the terms ask for; of two the second may be waived where the terms allow it, with the legal ground on
   record.
4. What comes once the clock of the terms has run out, be it on the minute, does not count, and the disclosure lapses.
5. Where the owner decides on the release, its yes is needed as well, in its own time.

What the caller still owes: that the reviewers are who they say, and that a verdict was given without knowing the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watchlists.agreements.disclosure import Disclosure
from watchlists.agreements.duties import Obligation
from watchlists.agreements.terms import Terms


class VerdictKind(StrEnum):
    """What one reviewer says of a candidate."""

    SAME_PERSON = "same person"
    DIFFERENT_PERSON = "different person"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    reviewer: str
    kind: VerdictKind
    at: datetime


@dataclass(frozen=True, slots=True)
class Waiver:
    """A second reviewer is done without; `ground` names the law that allows it."""

    by: str
    ground: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnerDecision:
    """What the owner answers to a request for release."""

    granted: bool
    at: datetime


class ReleaseState(StrEnum):
    NOTHING_WAITS = "nothing-waits"
    WAITING_FOR_REVIEWERS = "waiting-for-reviewers"
    WAITING_FOR_OWNER = "waiting-for-owner"
    RELEASED = "released"
    REFUSED = "refused"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Case:
    """What has happened to a candidate since it was found.

    Args:
        found_at: when the check was answered.
        author: who entered the alert; empty if that is not known here.
    """

    found_at: datetime
    verdicts: tuple[Verdict, ...] = ()
    waiver: Waiver | None = None
    owner: OwnerDecision | None = None
    author: str = ""


def in_time(at: datetime, due_at: datetime | None) -> bool:
    """Whether what is done at `at` still counts: at its deadline it is too late. None: there is no deadline."""
    return due_at is None or at < due_at


def release_state(decision: Disclosure, case: Case, now: datetime) -> ReleaseState:
    """Whether what `decision` keeps for later may be seen at `now`."""
    if decision.later is None:
        return ReleaseState.NOTHING_WAITS
    terms = decision.later.terms
    due_at = _deadline(terms, Obligation.CONFIRM_WITHIN, case.found_at)
    counting = _counting(case, due_at)
    if any(verdict.kind is VerdictKind.DIFFERENT_PERSON for verdict in counting):
        return ReleaseState.REFUSED
    if _confirmations(counting) < _needed(terms, case, due_at):
        return ReleaseState.WAITING_FOR_REVIEWERS if in_time(now, due_at) else ReleaseState.LAPSED
    if not terms.has(Obligation.RELEASE_BY_OWNER):
        return ReleaseState.RELEASED
    return _owner_state(terms, case, now)


def _owner_state(terms: Terms, case: Case, now: datetime) -> ReleaseState:
    due_at = _deadline(terms, Obligation.RELEASE_BY_OWNER, case.found_at)
    if case.owner is None or not in_time(case.owner.at, due_at):
        return ReleaseState.WAITING_FOR_OWNER if in_time(now, due_at) else ReleaseState.LAPSED
    return ReleaseState.RELEASED if case.owner.granted else ReleaseState.REFUSED


def _counting(case: Case, due_at: datetime | None) -> list[Verdict]:
    return [each for each in case.verdicts if in_time(each.at, due_at) and each.reviewer != case.author]


def _confirmations(verdicts: Iterable[Verdict]) -> int:
    return len({verdict.reviewer for verdict in verdicts if verdict.kind is VerdictKind.SAME_PERSON})


def _needed(terms: Terms, case: Case, due_at: datetime | None) -> int:
    reviewers, waiver = terms.reviewers, case.waiver
    waived = waiver is not None and bool(waiver.ground.strip()) and in_time(waiver.at, due_at)
    return 1 if reviewers.waivable and waived else reviewers.count


def _deadline(terms: Terms, clock: Obligation, since: datetime) -> datetime | None:
    duration: timedelta | None = terms.duration(clock)
    return None if duration is None else since + duration
