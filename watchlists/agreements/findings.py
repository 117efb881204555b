"""What an explanation consists of: findings, each a sentence with the clauses it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from watchlists.agreements.actions import Extra
from watchlists.agreements.disclosure import NO_ACTION, Clause, Disclosure
from watchlists.agreements.duties import Duty, Obligation, Reviewers, text_of
from watchlists.agreements.ladder import WAITING, Rung, Support, clause_of, clauses_of, holding
from watchlists.agreements.levels import Level
from watchlists.agreements.panel import Verdict
from watchlists.agreements.policies import Policy
from watchlists.agreements.terms import is_handling
from watchlists.records import VisibilityClass


class Why(StrEnum):
    """What a finding is about. Those of `SILENCES` are reasons for seeing nothing, or no more."""

    NO_AGREEMENT = "no-agreement"
    PURPOSE_NOT_LISTED = "purpose-not-listed"
    CATEGORY_NOT_LISTED = "category-not-listed"
    EXCLUDED = "excluded"
    HIDDEN = "hidden"
    QUARANTINED = "quarantined"
    EXERCISE = "exercise"
    UNREADABLE = "unreadable"
    NO_SEARCH = "no-search"
    FORBIDDEN = "forbidden"
    FAULT = "fault"
    QUOTA = "quota"
    JUSTIFICATION = "justification"
    AUTHORISATION = "authorisation"
    NO_LEVEL = "no-level"
    NOT_COMPARED = "not-compared"

    SEARCH = "search"
    LEVEL = "level"
    WAITS = "waits"
    SILENT = "silent"
    EXTRA = "extra"
    COMPARE = "compare"
    ACTION = "action"
    ACTION_FORBIDDEN = "action-forbidden"
    HANDLING = "handling"
    DUTY = "duty"
    HIGHER_SCORE = "higher-score"


SILENCES: Final = frozenset(list(Why)[: list(Why).index(Why.SEARCH)])


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of an explanation.

    Args:
        item: the word it is about, where there is one: a level, a duty, an action, a handling code.
    """

    why: Why
    text: str
    clauses: tuple[Clause, ...] = ()
    item: str = ""


@dataclass(frozen=True, slots=True)
class Hearing:
    """All questions about one hit, in the order in which they were put, and what the rules answered.

    Args:
        rungs: the search and each level, also those that do not hold.
        extras: what may be seen beside the levels; empty where nothing speaks for level `alert`.
        helping: the permits that speak for extras.
        steps: the actions that were tried, the last of them carried out; empty below level `alert`.
    """

    rungs: tuple[Rung, ...]
    extras: Mapping[Extra, Verdict]
    helping: Mapping[Extra, Support]
    steps: tuple[tuple[str, Verdict], ...]

    @property
    def holding(self) -> tuple[Rung, ...]:
        return holding(self.rungs)

    @property
    def beside(self) -> Mapping[Extra, Support]:
        """What is seen beside the levels, and the permits that speak for it."""
        reached = self.holding[-1].level >= Level.ALERT
        return {extra: support for extra, support in self.helping.items() if reached and support.permits}

    @property
    def policies(self) -> list[tuple[Clause, Policy]]:
        """The permits whose duties count."""
        return [
            (clause_of(agreement, policy), policy)
            for support in (*self.rungs, *self.helping.values())
            for agreement, policies in support.binding.items()
            for policy in policies
        ]

    @property
    def matched(self) -> frozenset[Clause]:
        """The clauses that matched any question, whether they helped or not."""
        verdicts = [
            *(rung.verdict for rung in self.rungs),
            *self.extras.values(),
            *(verdict for _, verdict in self.steps),
        ]
        return frozenset(
            clause
            for verdict in verdicts
            for permits in (verdict.permits, verdict.forbids, verdict.faults)
            for clause in clauses_of(permits)
        )


def spelt(clause: Clause) -> str:
    """A clause as explanations name it, such as "xa-xb@1 no-minors (Art. 7)"."""
    name = f"{clause.source} {clause.clause}"
    return name if clause.cites is None else f"{name} ({clause.cites})"


def listed(clauses: Iterable[Clause]) -> str:
    return ", ".join(map(spelt, clauses))


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def outcome(disclosure: Disclosure) -> str:
    """In a word or two what is seen."""
    if not disclosure.known:
        return "nothing"
    later = f"after confirmation {disclosure.later.level}" if disclosure.later else ""
    seen = ", ".join(part for part in (disclosure.level.word if disclosure.level else "", later) if part)
    return f"nothing at the terminal; the supervisor: {seen}" if disclosure.silent else seen


def vetoed(what: str, verdict: Verdict) -> Finding:
    """Why a question was denied that a rule forbids, or that could not be decided."""
    if verdict.forbids:
        forbids = clauses_of(verdict.forbids)
        return Finding(Why.FORBIDDEN, f"{what} is forbidden by {listed(forbids)}", forbids)
    faults = clauses_of(verdict.faults)
    which = listed(faults) or "the question itself"
    return Finding(Why.FAULT, f"a rule could not be evaluated, so {what} is denied: {which}", faults)


def of_what_is_seen(hearing: Hearing, disclosure: Disclosure, klass: VisibilityClass) -> Iterator[Finding]:
    """Why that much is seen, when, and on what terms."""
    yield from _levels(hearing)
    yield from _waiting(hearing)
    yield from _waiting_extras(hearing)
    if disclosure.silent:
        by = _asking_for(hearing, Obligation.SILENT_ALARM)
        yield Finding(Why.SILENT, f"silent alarm: the terminal sees nothing, the supervisor does, by {listed(by)}", by)
    for extra, support in hearing.beside.items():
        by = clauses_of(support.permits)
        yield Finding(Why.EXTRA, f"{extra}: permitted by {listed(by)}", by, extra)
    yield from _actions(hearing, klass)
    yield from _handling(hearing, disclosure, klass)
    yield from (_duty(hearing, duty) for duty in disclosure.duties.duties if not is_handling(duty.obligation))


def _levels(hearing: Hearing) -> Iterator[Finding]:
    search, *levels = hearing.holding
    by = clauses_of(search.permits)
    yield Finding(Why.SEARCH, f"the search is permitted by {listed(by)}", by)
    for rung in levels:
        by = clauses_of(rung.permits)
        yield Finding(Why.LEVEL, f"{rung.level}: permitted by {listed(by)}", by, rung.level.word)


def _waiting(hearing: Hearing) -> Iterator[Finding]:
    highest = hearing.holding[-1].level
    first = next((rung for rung in hearing.rungs if rung.waits and rung.level <= highest), None)
    if first is None:
        return
    what = "anything" if first.level in (Level.NONE, Level.HIT) else f"{first.level} and what is above"
    for obligation in sorted(WAITING):
        if by := _asking_for(hearing, obligation):
            values = [
                duty.value for _, policy in hearing.policies for duty in policy.duties if duty.obligation is obligation
            ]
            after = _confirmation(values)
            yield Finding(Why.WAITS, f"{what} is seen only after {after}, by {listed(by)}", by, after)


def _waiting_extras(hearing: Hearing) -> Iterator[Finding]:
    for extra, support in hearing.beside.items():
        if support.waits:
            by = clauses_of(support.binding)
            yield Finding(Why.WAITS, f"{extra}: only after a confirmation, by {listed(by)}", by, extra)


def _confirmation(values: Iterable[object]) -> str:
    found = [value for value in values if isinstance(value, Reviewers)]
    if not found:
        return "the release by the owner"
    count = max(reviewers.count for reviewers in found)
    waivable = count == 2 and all(reviewers.waivable for reviewers in found)
    return f"{count} reviewer{'s' * (count > 1)}" + (", the second of them waivable" if waivable else "")


def _actions(hearing: Hearing, klass: VisibilityClass) -> Iterator[Finding]:
    for step, verdict in hearing.steps:
        if verdict.vetoed:
            why = vetoed(f"to carry out {step}", verdict)
            yield Finding(Why.ACTION_FORBIDDEN, why.text, why.clauses, step)
    if not hearing.steps:
        return
    last, verdict = hearing.steps[-1]
    if verdict.vetoed:
        yield Finding(Why.ACTION, "no action is taken here", item=NO_ACTION)
    elif last == klass.action:
        yield Finding(Why.ACTION, f"action: {last}", item=last)
    else:
        by = _asking_for(hearing, Obligation.DOWNGRADE)
        yield Finding(Why.ACTION, f"action: {last} in place of {klass.action}, by {listed(by)}", by, last)


def _handling(hearing: Hearing, disclosure: Disclosure, klass: VisibilityClass) -> Iterator[Finding]:
    for code in disclosure.handling if disclosure.later is None else disclosure.later.handling:
        by = _asking_for(hearing, code)
        sources = [*(["the entry itself"] if code in klass.handling else []), *map(spelt, by)]
        yield Finding(Why.HANDLING, f"handling {code}, by {', '.join(sources)}", by, code)


def _duty(hearing: Hearing, duty: Duty) -> Finding:
    by = _asking_for(hearing, duty.obligation)
    values = {
        each.value: text_of(each.value)
        for _, policy in hearing.policies
        for each in policy.duties
        if each.obligation is duty.obligation
    }
    joined = f", joined from {' and '.join(values.values())}" if len(values) > 1 else ""
    return Finding(Why.DUTY, f"duty {duty}, by {listed(by)}{joined}", by, str(duty))


def _asking_for(hearing: Hearing, obligation: str) -> tuple[Clause, ...]:
    found = (
        clause
        for clause, policy in hearing.policies
        if any(duty.obligation.value == obligation for duty in policy.duties)
    )
    return tuple(dict.fromkeys(found))
