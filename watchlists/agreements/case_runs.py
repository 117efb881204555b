"""Run agreed cases against the rules of their agreement. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from watchlists.agreements.actions import Deed
from watchlists.agreements.case_format import NOTHING_WORD, Expect
from watchlists.agreements.cases import Case
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.duties import Duty
from watchlists.agreements.entering import EnteredSamples, may_enter
from watchlists.agreements.explain import Explanation, explain
from watchlists.agreements.findings import spelt
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.ruling import Ruling
from watchlists.agreements.terms import Terms
from watchlists.agreements.transfer import Consent, Recipient, may_transfer
from watchlists.records import Entry, Subject

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went.

    Args:
        failures: what is otherwise than expected; empty if it passed.
        reasons: why the rules decide as they do, in sentences.
        matched: the clauses that matched any of its questions.
    """

    case: Case
    failures: tuple[str, ...]
    reasons: tuple[str, ...]
    matched: frozenset[Clause]

    @property
    def passed(self) -> bool:
        return not self.failures


def run_cases(agreement: Agreement, cases: Sequence[Case]) -> tuple[CaseResult, ...]:
    """Put each case to the rules of this agreement alone."""
    book = RuleBook([agreement])
    return tuple(_run_deed(book, case, case.deed) if case.deed else _run_hit(book, case) for case in cases)


def _run_hit(book: RuleBook, case: Case) -> CaseResult:
    explanation = explain(book, case.request, case.klass, case.score, case.at)
    reasons = tuple(finding.text for finding in explanation.findings)
    return CaseResult(case, tuple(_hit_failures(case.expect, explanation)), reasons, explanation.matched)


def _hit_failures(expect: Expect, explanation: Explanation) -> Iterator[str]:
    seen = explanation.disclosure
    later = seen.later.level if seen.later else Level.NONE
    yield from _differs("level", expect.level or Level.NONE, seen.level)
    yield from _differs("later", expect.later, later)
    yield from _differs("silent", expect.silent, seen.silent)
    if expect.action is not None:
        yield from _differs("action", expect.action, seen.action)
    if expect.extras is not None:
        extras = seen.later.extras if seen.later else seen.extras
        yield from _differs("extras", sorted(expect.extras), sorted(extras))
    yield from _terms_differ(expect, seen.later.handling if seen.later else seen.handling, seen.duties)
    yield from _not_among("because", expect.because, (clause.clause for clause in explanation.clauses))
    yield from _not_among("why", expect.why, (finding.why for finding in explanation.findings))


def _run_deed(book: RuleBook, case: Case, deed: Deed) -> CaseResult:
    ruling = _ruling(book, case, deed)
    by = ", ".join(map(spelt, ruling.decided_by)) or "no clause"
    reasons = (f"{deed} is {'allowed' if ruling.allowed else 'not allowed'} by {by}",)
    return CaseResult(case, tuple(_deed_failures(case.expect, ruling)), reasons, frozenset(ruling.decided_by))


def _ruling(book: RuleBook, case: Case, deed: Deed) -> Ruling:
    """Ask where the deed is decided: a transfer and an entry meet more conditions than those of the rules."""
    given = case.coming_with
    if deed is Deed.TRANSFER:
        to = Recipient(given.recipient, given.recipient_country)
        consent = Consent("case", case.klass.owner, to.id, _NEVER) if given.consent else None
        seen = book.disclosure(case.request, case.klass, case.score, case.at)
        handling = seen.later.handling if seen.later else seen.handling
        return may_transfer(book, case.request, case.klass, handling, to, consent, case.at)
    if deed is Deed.ENTER:
        samples = EnteredSamples(tuple(given.warnings), given.faces, given.fingers)
        entry = Entry("case", case.klass, Subject())
        entered = may_enter(book, case.request, entry, samples, given.others, case.at, case.at)
        return Ruling(entered.allowed, entered.terms, entered.decided_by)
    more = {"action": given.action or case.klass.action} if deed is Deed.TAKE_ACTION else {}
    return book.ask(deed, case.request, case.klass, case.at, **more)


def _deed_failures(expect: Expect, ruling: Ruling) -> Iterator[str]:
    yield from _differs("allowed", expect.allowed, ruling.allowed)
    yield from _terms_differ(expect, ruling.terms.codes, ruling.terms)
    yield from _not_among("because", expect.because, (clause.clause for clause in ruling.decided_by))


def _terms_differ(expect: Expect, handling: Sequence[str], terms: Terms) -> Iterator[str]:
    if expect.handling is not None:
        yield from _differs("handling", sorted(expect.handling), sorted(handling))
    yield from _not_among("duties", expect.duties, terms.duties)


def _differs(what: str, expected: object, found: object) -> Iterator[str]:
    if expected != found:
        yield f"{what} is {_word(found)}, not {_word(expected)}"


def _not_among(what: str, expected: Sequence[str | Duty], found: Iterator[str] | Sequence[Duty]) -> Iterator[str]:
    there = list(map(str, found))
    for each in map(str, expected):
        if each not in there:
            yield f"{what}: {each} is not among {', '.join(sorted(there)) or 'them: there is none'}"


def _word(value: object) -> str:
    if value is Level.NONE:
        return NOTHING_WORD
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
