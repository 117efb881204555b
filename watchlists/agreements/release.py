"""When what waits may be seen: after enough people have confirmed, and the owner has released it, in time. Pure.

1. Each reviewer says one thing of a candidate, the first; whoever entered the alert says nothing.
2. As many as the terms ask for say it independently, and one where they ask for nobody. Of two the second may be waived
   where the terms allow it, with the legal ground on record, before the second has said anything.
3. If they all say "same person", or all "different person", that settles it. If they do not, or are not sure, one more
   is asked, who sees what they have said: what that one says settles it.
4. Released is only what was settled as "same person", and what as many have confirmed as the terms ask for: where one
   of two was for another person and one not sure, the third alone does not make two.
5. What comes once the clock of the terms has run out, be it on the minute, does not count, and the disclosure lapses.
6. Where the owner decides on the release, its yes is needed as well, in its own time. Where the terms ask for nobody
   else, reviewers are not waited for; but "different person" stops the release.

What the caller still owes: that the reviewers are who they say, that verdicts come in the order in which they were
given, and that those of whom independence is asked did not know of each other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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


class Settlement(StrEnum):
    """What people have come to about a candidate. The last three end it, with the words of the verdict."""

    OPEN = "open"
    THIRD = "third-reviewer"
    SAME_PERSON = "same person"
    DIFFERENT_PERSON = "different person"
    INCONCLUSIVE = "inconclusive"

    @property
    def final(self) -> bool:
        return self not in (Settlement.OPEN, Settlement.THIRD)


class ReleaseState(StrEnum):
    NOTHING_WAITS = "nothing-waits"
    WAITING_FOR_REVIEWERS = "waiting-for-reviewers"
    WAITING_FOR_THIRD = "waiting-for-third-reviewer"
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


def reviewers_needed(terms: Terms, case: Case) -> int:
    """How many people have to say the same independently: at least one, whatever the terms ask for."""
    return max(1, _asked_for(terms, case, None))


def settlement(terms: Terms, case: Case) -> Settlement:
    """What the verdicts of a case come to, whenever they were given."""
    return _settle(_panel(case, None), reviewers_needed(terms, case))


def release_state(decision: Disclosure, case: Case, now: datetime) -> ReleaseState:
    """Whether what `decision` keeps for later may be seen at `now`."""
    if decision.later is None:
        return ReleaseState.NOTHING_WAITS
    terms = decision.later.terms
    due_at = _deadline(terms, Obligation.CONFIRM_WITHIN, case.found_at)
    panel, asked = _panel(case, due_at), _asked_for(terms, case, due_at)
    settled = _settle(panel, max(1, asked))
    if settled is Settlement.DIFFERENT_PERSON:
        return ReleaseState.REFUSED
    if asked and not settled.final:
        return _waiting(settled) if in_time(now, due_at) else ReleaseState.LAPSED
    if _confirmations(panel[: asked + 1]) < asked:
        return ReleaseState.REFUSED
    return _owner_state(terms, case, now) if terms.has(Obligation.RELEASE_BY_OWNER) else ReleaseState.RELEASED


def released(decision: Disclosure) -> Disclosure:
    """What may be seen once everything has been released: all at once, on the terms of what had to wait."""
    later = decision.later
    if later is None:
        return decision
    return replace(
        decision,
        level=later.level,
        handling=later.handling,
        decided_by=later.decided_by,
        terms=later.terms,
        extras=later.extras,
        later=None,
    )


def _waiting(settled: Settlement) -> ReleaseState:
    third = settled is Settlement.THIRD
    return ReleaseState.WAITING_FOR_THIRD if third else ReleaseState.WAITING_FOR_REVIEWERS


def _owner_state(terms: Terms, case: Case, now: datetime) -> ReleaseState:
    due_at = _deadline(terms, Obligation.RELEASE_BY_OWNER, case.found_at)
    if case.owner is None or not in_time(case.owner.at, due_at):
        return ReleaseState.WAITING_FOR_OWNER if in_time(now, due_at) else ReleaseState.LAPSED
    return ReleaseState.RELEASED if case.owner.granted else ReleaseState.REFUSED


def _panel(case: Case, due_at: datetime | None) -> list[Verdict]:
    """The verdicts that count, the first of each reviewer, in their order."""
    counting = [each for each in case.verdicts if in_time(each.at, due_at) and each.reviewer != case.author]
    first = {verdict.reviewer: verdict for verdict in reversed(counting)}
    return [verdict for verdict in counting if first[verdict.reviewer] is verdict]


def _settle(panel: Sequence[Verdict], needed: int) -> Settlement:
    if len(panel) < needed:
        return Settlement.OPEN
    said = {verdict.kind for verdict in panel[:needed]}
    if len(said) == 1 and VerdictKind.INCONCLUSIVE not in said:
        return Settlement(panel[0].kind.value)
    return Settlement(panel[needed].kind.value) if len(panel) > needed else Settlement.THIRD


def _confirmations(verdicts: Iterable[Verdict]) -> int:
    return sum(verdict.kind is VerdictKind.SAME_PERSON for verdict in verdicts)


def _asked_for(terms: Terms, case: Case, due_at: datetime | None) -> int:
    """How many reviewers the terms ask for, after a waiver that counts."""
    reviewers = terms.reviewers
    return 1 if reviewers.waivable and _is_waived(case, due_at) else reviewers.count


def _is_waived(case: Case, due_at: datetime | None) -> bool:
    waiver, second = case.waiver, _panel(case, None)[1:2]
    if waiver is None or not waiver.ground.strip() or not in_time(waiver.at, due_at):
        return False
    return not second or waiver.at < second[0].at


def _deadline(terms: Terms, clock: Obligation, since: datetime) -> datetime | None:
    duration: timedelta | None = terms.duration(clock)
    return None if duration is None else since + duration
