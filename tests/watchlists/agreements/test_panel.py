"""What a whole check asks is one question to Cedar; the answers must be those of Cedar to each action by itself."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import product
from typing import Any

import cedarpy
import pytest

from tests.watchlists.agreements.conftest import SCORE, SEARCH, Load, terminal, wanted
from watchlists.agreements.actions import ACTIONS, Deed
from watchlists.agreements.facts import NO_ANSWER, Facts
from watchlists.agreements.levels import Level
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


def test_what_a_check_asks_is_asked_once(load: Load) -> None:
    agreement = load(SEARCH + SCORE)
    panel, facts = Panel([agreement], frozenset({agreement}), PURPOSE), Facts(terminal(), wanted(), 60)
    assert panel.ask("search", facts).permits
    (question,) = facts.answers
    facts.answers[question] = NO_ANSWER
    assert panel.ask("see score", facts) == panel.ask("search", facts) == ({}, {}, {}, False)


@pytest.mark.parametrize("condition", ["", CONDITIONS["group"]], ids=["asked with others", "asked alone"])
def test_a_question_that_cedar_cannot_read_is_a_veto(
    load: Load, caplog: pytest.LogCaptureFixture, condition: str
) -> None:
    agreement = load(f'@id("search")\npermit (principal, action == Action::"search", resource) {condition};\n')
    panel = Panel([agreement], frozenset({agreement}), PURPOSE)
    facts = Facts(replace(terminal(), checkpoint="\ud800"), wanted(), 60)
    with caplog.at_level(logging.ERROR):
        assert panel.ask("search", facts) == ({}, {}, {}, True)
    assert caplog.messages == ["rule fault, denied: action 'search', clauses: the question itself"]


@pytest.mark.parametrize(
    ("decision", "errors"), [("NoDecision", []), ("Allow", ["something failed that is no rule"])], ids=["none", "error"]
)
def test_an_answer_of_cedar_that_does_not_say_what_failed_is_a_veto(
    load: Load, monkeypatch: pytest.MonkeyPatch, decision: str, errors: list[str]
) -> None:
    agreement = load(SEARCH + SCORE)
    panel = Panel([agreement], frozenset({agreement}), PURPOSE)
    answer = {"decision": decision, "diagnostics": {"reason": ["policy0", "policy1"], "errors": errors}}
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: cedarpy.AuthzResult(answer))
    assert panel.ask("search", Facts(terminal(), wanted(), 60)) == ({}, {}, {}, True)


def test_the_highest_level_is_that_of_the_highest_permit(load: Load) -> None:
    for number, (rules, highest) in enumerate(
        (
            (SEARCH, Level.NONE),
            (SEARCH + SCORE, Level.SCORE),
            (SEARCH + SCORE + '@id("no")\nforbid (principal, action, resource);\n', Level.SCORE),
        )
    ):
        agreement = load(rules, str(number))
        assert Panel([agreement], frozenset({agreement}), PURPOSE).highest is highest
        assert Panel([agreement], frozenset(), PURPOSE).highest is Level.NONE


def test_what_nobody_permits_beside_an_alert_is_not_asked_for(load: Load) -> None:
    agreement = load(SEARCH + '@id("no")\nforbid (principal, action, resource);\n')
    panel = Panel([agreement], frozenset({agreement}), PURPOSE)
    assert panel.hears("see hit")
    assert not panel.hears("see links")
