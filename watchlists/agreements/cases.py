"""The cases of an agreement, `cases.yaml`: what the parties agreed must happen, read and run against its rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from watchlists.agreements.actions import Deed
from watchlists.agreements.case_format import NOTHING_WORD, About, Asks, CaseText, Expect, With
from watchlists.agreements.decide import RuleBook, Ruling
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.duties import Duty
from watchlists.agreements.explain import Explanation, explain
from watchlists.agreements.facts import Request
from watchlists.agreements.findings import spelt
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement, read_text
from watchlists.agreements.located_yaml import Located, YamlRefusedError, read_yaml
from watchlists.agreements.policies import refuse_hidden_characters
from watchlists.agreements.terms import Terms
from watchlists.errors import AgreementInvalid
from watchlists.records import VisibilityClass

CASES_FILE: Final = "cases.yaml"
CASES_CAP: Final = 1 << 18
"""Bytes of the file; a case takes some three hundred."""

_HINT: Final = "docs/agreements.md describes each key of a case."
_CASES: Final = TypeAdapter(list[CaseText])
_BLOCKS: Final[Mapping[str, type[BaseModel]]] = {"asks": Asks, "about": About, "with": With, "expect": Expect}


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ready to be asked.

    Args:
        sentence: what must happen, in words.
        clauses: the articles that say so.
        line: where it begins in `cases.yaml`, from 1.
        deed: what is to be done; None for a hit with `score`.
        more: what the context of the deed has beside that of a check.
        at: when.
    """

    sentence: str
    clauses: tuple[str, ...]
    line: int
    request: Request
    klass: VisibilityClass
    deed: Deed | None
    more: dict[str, Any]
    score: float
    at: datetime
    expect: Expect


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


def load_cases(folder: Path, agreement: Agreement) -> tuple[Case, ...]:
    """Read `cases.yaml` of an agreement's folder; none if there is no such file.

    Raises:
        AgreementInvalid: it cannot be used as it is; names the line and what to mend.
    """
    if not (folder / CASES_FILE).exists():
        return ()
    file = f"{folder.name}/{CASES_FILE}"
    text = read_text(folder / CASES_FILE, CASES_CAP)
    refuse_hidden_characters(text, file)
    try:
        located = read_yaml(text)
        written = _CASES.validate_python(located.value)
    except YamlRefusedError as error:
        raise AgreementInvalid(file, str(error), line=error.line, hint=_HINT) from error
    except ValidationError as error:
        raise _refusal(error, located, file) from error
    _check_rule_names(written, agreement, located, file)
    return tuple(_case(each, located.line_of((at,)), agreement) for at, each in enumerate(written))


def run_cases(agreement: Agreement, cases: Sequence[Case]) -> tuple[CaseResult, ...]:
    """Put each case to the rules of this agreement alone."""
    book = RuleBook([agreement])
    return tuple(_run_deed(book, case, case.deed) if case.deed else _run_hit(book, case) for case in cases)


def _case(written: CaseText, line: int, agreement: Agreement) -> Case:
    klass = written.about.klass()
    return Case(
        sentence=written.case,
        clauses=tuple(written.clause),
        line=line,
        request=written.asks.request(klass.owner, agreement.id),
        klass=klass,
        deed=written.deed,
        more=written.with_.context(written.deed, klass) if written.deed else {},
        score=written.score,
        at=written.at or agreement.in_force_from,
        expect=written.expect,
    )


def _refusal(error: ValidationError, located: Located, file: str) -> AgreementInvalid:
    found = error.errors(include_url=False, include_input=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])  # it explains what is missing
    loc = first["loc"]
    words = [part for part in loc[1:] if isinstance(part, str)]
    where = ".".join(words[:2])
    if first["type"] == "extra_forbidden":
        reason = f"unknown key {where!r}; the known ones are {', '.join(_keys_beside(words))}"
    elif first["type"] == "missing":
        reason = f"{where} is missing"
    elif not loc:
        reason = "the file holds a list of cases: each begins with a hyphen"
    else:
        message = str(first["msg"]).removeprefix("Value error, ")
        reason = f"{where}: {message}" if words else message
    return AgreementInvalid(file, reason, line=located.line_of(loc), hint=_HINT)


def _keys_beside(words: list[str]) -> list[str]:
    block = _BLOCKS[words[0]] if len(words) > 1 else CaseText
    return [field.alias or name for name, field in block.model_fields.items()]


def _check_rule_names(written: list[CaseText], agreement: Agreement, located: Located, file: str) -> None:
    known = {policy.id for policy in agreement.policies}
    for at, case in enumerate(written):
        for name in case.expect.because:
            if name not in known:
                line = located.line_of((at, "expect", "because"))
                raise AgreementInvalid(file, f"expect.because: no rule has the id {name!r}", line=line, hint=_HINT)


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
    ruling = book.ask(deed, case.request, case.klass, case.at, **case.more)
    by = ", ".join(map(spelt, ruling.decided_by)) or "no clause"
    reasons = (f"{deed} is {'allowed' if ruling.allowed else 'not allowed'} by {by}",)
    return CaseResult(case, tuple(_deed_failures(case.expect, ruling)), reasons, frozenset(ruling.decided_by))


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
