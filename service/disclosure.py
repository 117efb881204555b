"""From candidates to what the asking partner gets to see of them: the rules decide, the mask cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from models.calibration import band
from service.api.messages import CandidateMessage
from service.telemetry import log
from watchlists.agreements import Disclosure, FullCandidate, Level, Request, RuleBook, mask, tenths
from watchlists.errors import SealBroken
from watchlists.gallery import Candidate
from watchlists.records import EntryKey, Subject


@dataclass(frozen=True, slots=True)
class DisclosedCandidate:
    """One candidate of a flag: what was found, and what goes out."""

    found: Candidate
    message: CandidateMessage


def disclose(
    rules: RuleBook,
    asked: Request,
    candidates: Iterable[Candidate],
    subject_of: Callable[[EntryKey, int], Subject],
    now: datetime,
) -> tuple[DisclosedCandidate, ...]:
    """Return what `asked` may see of `candidates`, ordered by what is shown of them and by nothing that is not.

    Raises:
        EntryChanged: a candidate was rewritten or withdrawn since it was found.
    """
    decided = ((candidate, rules.disclosure(asked, candidate.klass, candidate.score, now)) for candidate in candidates)
    disclosed = [
        _disclosed(candidate, decision, subject_of) for candidate, decision in decided if decision.level > Level.NONE
    ]
    return tuple(sorted(disclosed, key=_shown_order))


def _disclosed(
    candidate: Candidate, decision: Disclosure, subject_of: Callable[[EntryKey, int], Subject]
) -> DisclosedCandidate:
    subject = Subject()
    if decision.level >= Level.BIOGRAPHICS:  # the sealed subject is opened only for those who may read it
        try:
            subject = subject_of(candidate.key, candidate.sequence)
        except SealBroken:  # one damaged row must not hide that there is a hit, nor the hits of others
            log.error("the subject of a candidate does not open; it is disclosed at level alert")
            decision = replace(decision, level=Level.ALERT)
    shown = mask(decision, _full(candidate, subject))
    message = CandidateMessage.model_validate({"candidate_id": uuid4(), "owner": candidate.klass.owner, **shown})
    return DisclosedCandidate(candidate, message)


def _full(candidate: Candidate, subject: Subject) -> FullCandidate:
    return FullCandidate(
        score=candidate.score,
        band=band(tenths(candidate.score) / 10).value,  # the score that is shown, so that the two never disagree
        reference=f"{candidate.key.watchlist}/{candidate.key.entry}",
        category=candidate.klass.category,
        action=candidate.klass.action,
        subject=subject_fields(subject),
    )


def subject_fields(subject: Subject) -> dict[str, object]:
    """Return the biographic fields by their API names."""
    return {
        "family_name": subject.family_name,
        "given_names": subject.given_names,
        "birth_date": subject.birth_date,
        "nationality": subject.nationality,
        "documents": subject.documents,
    }


def _shown_order(candidate: DisclosedCandidate) -> tuple[float, str]:
    shown = candidate.message.score
    return (-shown if shown is not None else 0.0, str(candidate.message.candidate_id))
