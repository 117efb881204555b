"""What a whole check asks is one question to Cedar; the answers must be those of Cedar to each action by itself."""

from __future__ import annotations

from itertools import product
from typing import Any

import cedarpy
import pytest

from tests.watchlists.agreements.conftest import Load, terminal, wanted
from watchlists.agreements.actions import ACTIONS, Deed
from watchlists.agreements.facts import Facts
from watchlists.agreements.load import Agreement
from watchlists.agreements.panel import Panel
from watchlists.agreements.policies import cedar_schema

PURPOSE = "border-check"
HEADS = {
    "search": 'action == Action::"search"',
    "low": 'action in [Action::"search", Action::"see hit", Action::"see band"]',
    "high": 'action in [Action::"see score", Action::"see alert", Action::"see links"]',
    "check": 'action in Action::"check"',
    "all": "action",
}
CONDITIONS = {
    "always": "",
    "purpose": 'when { context.purpose == "border-check" && principal.partner == "xa" }',
    "score": 'when { context has score && context.score.greaterThanOrEqual(decimal("5.0")) }',
    "no-score": "unless { context has score }",
    "action": 'when { action == Action::"see band" || action == Action::"copy" }',
    "group": 'when { action in Action::"check" }',
    "case": "when { context has case_reference }",
    "fails": "when { context has case_reference && 9223372036854775807 + 1 == 0 }",
    "handling": 'when { resource.handling.contains("tlp-red") }',
}
# Cedar's validator refuses what is true of no action of the head.
SENSELESS = {("search", "score"), ("search", "action"), ("high", "action"), ("high", "no-score")}
SENSELESS |= {("all", "purpose"), ("all", "case"), ("all", "fails")}
PAIRS = sorted(set(product(HEADS, CONDITIONS)) - SENSELESS)
GROUPS = {"check", "all"}  # not for permits
FAILING = {"fails"}


def rules(forbidden: str | None) -> str:
    """A permit of each head and condition that Cedar and the loader accept, and a forbid of each under one condition.

    Only then may a rule fail, which vetoes everything else.
    """
    named = [("permit", pair) for pair in PAIRS if pair[0] not in GROUPS and pair[1] in set(CONDITIONS) - FAILING]
    named += [("forbid", pair) for pair in PAIRS if pair[1] == forbidden]
    return "".join(
        f'@id("{effect}-{head}-{condition}")\n{effect} (principal, {HEADS[head]}, resource) {CONDITIONS[condition]};\n'
        for effect, (head, condition) in named
    )


def as_cedar_alone_says(agreement: Agreement, facts: Facts, action: str) -> tuple[bool, set[str], bool]:
    """Whether the action is allowed, the ids of the rules that say so, and whether any failed."""
    texts = "\n".join(policy.text for policy in agreement.policies)
    result = cedarpy.is_authorized(facts.question(action, MORE.get(action)), texts, facts.entities, cedar_schema())
    ids = {agreement.policies[int(reason.removeprefix("policy"))].id for reason in result.diagnostics.reasons}
    return result.allowed, ids, bool(result.diagnostics.errors)


MORE: dict[str, dict[str, Any]] = {
    Deed.ENTER.value: {"warnings": [], "faces": 1, "fingers": 0},
    Deed.TAKE_ACTION.value: {"action": "arrest"},
    Deed.TRANSFER.value: {"purpose": PURPOSE, "recipient": "xc", "recipient_country": "xc", "consent": False},
}


@pytest.mark.parametrize("forbidden", [None, *CONDITIONS])
@pytest.mark.parametrize("case", [None, "2026/7"])
@pytest.mark.parametrize("score", [49, 50])
@pytest.mark.parametrize("handling", [(), ("tlp-red",)])
def test_one_question_for_a_check_says_of_each_action_what_cedar_says_of_it(
    load: Load, forbidden: str | None, case: str | None, score: int, handling: tuple[str, ...]
) -> None:
    agreement = load(rules(forbidden), handling='["tlp-red"]')
    panel = Panel([agreement], frozenset({agreement}), PURPOSE)
    facts = Facts(terminal(case=case), wanted(handling=handling), score)
    for action in ACTIONS:
        allowed, ids, failed = as_cedar_alone_says(agreement, facts, action)
        verdict = panel.ask(action, facts, MORE.get(action))
        if not panel.hears(action):
            assert (allowed, verdict) == (False, ({}, {}, {}, False)), action
        elif failed:
            assert (verdict.vetoed, bool(verdict.permits), bool(verdict.faults)) == (True, False, True), action
        else:
            said = {**verdict.permits, **verdict.forbids}
            assert {policy.id for policies in said.values() for policy in policies} == ids, action
            assert (bool(verdict.permits), verdict.vetoed) == (allowed, bool(ids) and not allowed), action
