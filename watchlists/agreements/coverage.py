"""What the cases of an agreement leave open, and rules that cannot have any effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from watchlists.agreements.actions import SEARCH, SEE, SEE_EXTRA
from watchlists.agreements.case_runs import CaseResult
from watchlists.agreements.cases import CASES_FILE, Case
from watchlists.agreements.findings import Why
from watchlists.agreements.levels import Level
from watchlists.agreements.load import AGREEMENT_FILE, RULES_FILE, Agreement
from watchlists.agreements.policies import Policy
from watchlists.agreements.vocabulary import words_asked

_ATTRIBUTES: Final = (
    "context.purpose",
    "resource.category",
    "resource.owner",
    "resource.action",
    "resource.watchlist",
    "principal.partner",
    "principal.country",
    "principal.role",
    "principal.authority",
)
"""What rules commonly compare with a word; a rule that asks for two words at once never matches."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is no error and deserves a look: where, what, and what to do."""

    file: str
    line: int
    text: str
    hint: str


def remarks(agreement: Agreement, results: Sequence[CaseResult]) -> Iterator[Remark]:
    """What to look at in an agreement of which these are all cases."""
    cases = [result.case for result in results]
    yield from _clauses_without_case(agreement, cases)
    dead = {policy.id: why for policy in agreement.policies if (why := _why_dead(agreement, policy))}
    for policy in agreement.policies:
        if policy.id in dead:
            hint = "Mend its conditions, or take the rule out."
            yield Remark(RULES_FILE, policy.line, f"{policy.id} can never match: {dead[policy.id]}", hint)
    reached = {clause.clause for result in results for clause in result.matched}
    for policy in agreement.policies:
        if policy.id not in reached | dead.keys():
            hint = f"Add a case to {CASES_FILE} in which it matters."
            yield Remark(RULES_FILE, policy.line, f"no case reaches {policy.id}", hint)
    yield from _strange_words(agreement, cases)


def _clauses_without_case(agreement: Agreement, cases: Sequence[Case]) -> Iterator[Remark]:
    covered = {clause for case in cases for clause in case.clauses}
    cited = [(policy.cites, RULES_FILE, policy.line) for policy in agreement.policies]
    for clause, file, line in (*cited, (agreement.compatibility_cites, AGREEMENT_FILE, 1)):
        if clause is not None and clause not in covered:
            covered.add(clause)
            yield Remark(file, line, f"{clause} has no case", f'Add a case with clause: "{clause}" to {CASES_FILE}.')


def _why_dead(agreement: Agreement, policy: Policy) -> str | None:
    if not policy.permits:
        return None
    for attribute in _ATTRIBUTES:
        if (asked := _asked(agreement, policy, attribute)) is not None and not asked:
            return f"it asks for words of {attribute} that exclude each other, or that agreement.toml does not list"
    seeing = policy.actions & {*SEE.values(), *SEE_EXTRA}
    searches = [each for each in agreement.policies if each.permits and SEARCH in each.actions]
    if seeing == policy.actions and not any(_meet(agreement, policy, search) for search in searches):
        return "no permit to search is for the same requests"
    return None


def _meet(agreement: Agreement, one: Policy, other: Policy) -> bool:
    """Whether some request may match both, as far as the words they name tell."""
    for attribute in _ATTRIBUTES:
        words = _asked(agreement, one, attribute), _asked(agreement, other, attribute)
        if None not in words and not frozenset.intersection(*(each for each in words if each is not None)):
            return False
    return True


def _asked(agreement: Agreement, policy: Policy, attribute: str) -> frozenset[str] | None:
    listed = {"context.purpose": agreement.purposes, "resource.category": agreement.categories}
    asked = words_asked(policy.tree, attribute)
    return asked if asked is None or attribute not in listed else asked & listed[attribute]


def _strange_words(agreement: Agreement, cases: Sequence[Case]) -> Iterator[Remark]:
    """A misspelt word makes a case of silence pass for the wrong reason."""
    for case in cases:
        quiet = case.expect.level is Level.NONE
        words = {
            "partner": (case.request.partner, agreement.parties, Why.NO_AGREEMENT),
            "owner": (case.klass.owner, agreement.parties, Why.NO_AGREEMENT),
            "category": (case.klass.category, agreement.categories, Why.CATEGORY_NOT_LISTED),
        }
        if case.request.purpose:
            words["purpose"] = (case.request.purpose, agreement.purposes, Why.PURPOSE_NOT_LISTED)
        for what, (word, listed, why) in words.items():
            if quiet and word not in listed and why not in case.expect.why:
                hint = f"If that is meant, add why: {why} to what the case expects; else mend the word."
                text = f"the {what} {word!r} is not one of agreement.toml, so nothing is seen anyway"
                yield Remark(CASES_FILE, case.line, text, hint)
