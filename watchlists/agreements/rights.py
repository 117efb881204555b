"""What those who do not own an entry may do about it: report an error, and answer the person it is about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchlists.agreements.actions import Deed
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Request
from watchlists.agreements.terms import Terms
from watchlists.records import VisibilityClass


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error may be reported to the owner, who answers until then; None if the agreement sets no time."""

    answer_by: datetime | None
    decided_by: tuple[Clause, ...]


def may_edit(partner: str, klass: VisibilityClass) -> bool:
    """Whether a partner may write or withdraw an entry: its owner alone, and no rule can change that."""
    return partner == klass.owner


def error_report(rules: RuleBook, reporter: Request, klass: VisibilityClass, now: datetime) -> ErrorReport | None:
    """Whether somebody else may report an error in an entry to its owner, and until when that must be answered."""
    ruling = rules.ask(Deed.REPORT_ERROR, reporter, klass, now)
    if not ruling.allowed:
        return None
    duration = ruling.terms.duration(Obligation.ANSWER_WITHIN)
    return ErrorReport(None if duration is None else now + duration, ruling.decided_by)


class SubjectAnswer(StrEnum):
    """What a person who asks for the data about them is told."""

    NOTHING_TO_TELL = "nothing-to-tell"
    """The same words whether nothing is held or whether it may not be said: neither confirmed nor denied."""
    CONSULT_OWNER = "consult-owner"
    DISCLOSE = "disclose"


@dataclass(frozen=True, slots=True)
class AccessRuling:
    """How a request for access is answered.

    Args:
        answer: what is told, or done first.
        consult_by: until when the owner says whether it objects.
        answer_by: until when the person has an answer.
        decided_by: for the record of the authority; the person is told no clause that would give an alert away.
    """

    answer: SubjectAnswer
    consult_by: datetime | None = None
    answer_by: datetime | None = None
    decided_by: tuple[Clause, ...] = ()


def subject_access(
    rules: RuleBook,
    authority: Request,
    held: Sequence[VisibilityClass],
    now: datetime,
    *,
    owners_agree: bool | None = None,
) -> AccessRuling:
    """Decide how an authority answers a person who asks what is held about them.

    One alert that may not be spoken of silences all: an answer that names some would say that there are others.

    Args:
        rules: the rule book.
        authority: who was asked.
        held: the classes of what is held about the person; empty if nothing is.
        now: when.
        owners_agree: what the owners said when they were consulted; None if they were not yet.
    """
    rulings = [rules.ask(Deed.ANSWER_SUBJECT, authority, klass, now) for klass in held]
    decided_by = tuple(clause for ruling in rulings for clause in ruling.decided_by)
    terms = Terms.merge(duty for ruling in rulings for duty in ruling.terms.duties)
    silent = terms.has(Obligation.NEITHER_CONFIRM_NOR_DENY) or not all(ruling.allowed for ruling in rulings)
    if not held or silent or owners_agree is False:
        return AccessRuling(SubjectAnswer.NOTHING_TO_TELL, decided_by=decided_by)
    answer_by = _due(terms, Obligation.ANSWER_WITHIN, now)
    consult_by = _due(terms, Obligation.CONSULT_OWNER, now)
    if consult_by is not None and owners_agree is None:
        return AccessRuling(SubjectAnswer.CONSULT_OWNER, consult_by, answer_by, decided_by)
    return AccessRuling(SubjectAnswer.DISCLOSE, None, answer_by, decided_by)


def _due(terms: Terms, obligation: Obligation, now: datetime) -> datetime | None:
    duration = terms.duration(obligation)
    return None if duration is None else now + duration
