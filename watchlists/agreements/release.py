"""When what waits may be seen: after enough people have confirmed, and the owner has released it, in time. Pure.

1. Only reviewers who said "same person" confirm, each once; whoever entered the alert does not.
2. One who says "different person" stops the release; people must settle it first.
3. As many as the terms ask for; of two the second may be waived where the terms allow it, with the legal ground on
   record.
4. What comes after the clock of the terms has run out does not count, and the disclosure lapses.
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


def release_state(decision: Disclosure, case: Case, now: datetime) -> ReleaseState:
    """Whether what `decision` keeps for later may be seen at `now`."""
    if decision.later is None:
        return ReleaseState.NOTHING_WAITS
    terms = decision.later.terms
    counting = _counting(case, _deadline(terms, Obligation.CONFIRM_WITHIN, case.found_at))
    if any(verdict.kind is VerdictKind.DIFFERENT_PERSON for verdict in counting):
        return ReleaseState.REFUSED
    if _confirmations(counting) < _needed(terms, case):
        return _waiting(terms, Obligation.CONFIRM_WITHIN, case, now, ReleaseState.WAITING_FOR_REVIEWERS)
    if not terms.has(Obligation.RELEASE_BY_OWNER):
        return ReleaseState.RELEASED
    return _owner_state(terms, case, now)


def _owner_state(terms: Terms, case: Case, now: datetime) -> ReleaseState:
    deadline = _deadline(terms, Obligation.RELEASE_BY_OWNER, case.found_at)
    if case.owner is None or (deadline is not None and case.owner.at > deadline):
        return _waiting(terms, Obligation.RELEASE_BY_OWNER, case, now, ReleaseState.WAITING_FOR_OWNER)
    return ReleaseState.RELEASED if case.owner.granted else ReleaseState.REFUSED


def _counting(case: Case, deadline: datetime | None) -> list[Verdict]:
    in_time = (verdict for verdict in case.verdicts if deadline is None or verdict.at <= deadline)
    return [verdict for verdict in in_time if verdict.reviewer != case.author]


def _confirmations(verdicts: Iterable[Verdict]) -> int:
    return len({verdict.reviewer for verdict in verdicts if verdict.kind is VerdictKind.SAME_PERSON})


def _needed(terms: Terms, case: Case) -> int:
    reviewers = terms.reviewers
    waived = reviewers.waivable and case.waiver is not None and case.waiver.ground.strip()
    return 1 if waived else reviewers.count


def _waiting(terms: Terms, clock: Obligation, case: Case, now: datetime, waiting: ReleaseState) -> ReleaseState:
    deadline = _deadline(terms, clock, case.found_at)
    return ReleaseState.LAPSED if deadline is not None and now > deadline else waiting


def _deadline(terms: Terms, clock: Obligation, since: datetime) -> datetime | None:
    duration: timedelta | None = terms.duration(clock)
    return None if duration is None else since + duration
