"""What rules said is remembered by what they read: it must be what they would say again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice, product
from typing import Any

import cedarpy
import pytest

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Load, terminal, wanted
from tests.watchlists.agreements.test_panel import CONDITIONS, MORE, PURPOSE, as_cedar_alone_says, rules
from tests.watchlists.agreements.test_rule_kinds import rule
from watchlists.agreements import question
from watchlists.agreements.actions import ACTIONS, Deed
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.facts import Facts, Request, entities_of
from watchlists.agreements.levels import Level
from watchlists.agreements.panel import Panel, Verdict
from watchlists.agreements.question import MEMO_ANSWERS
from watchlists.agreements.visibility import Visibility
from watchlists.records import Age, Conditions, VisibilityClass

ASKED = 400
PARTICULARS = {
    "handling": '["tlp-red"]',
    "actions": '["arrest", "locate", "inform-officer"]',
    "authorities": '["border-guard"]',
}
PERMITS = """
@id("s1") @obligations("quota(10)")
permit (principal, action == Action::"search", resource) when { principal.role == "terminal" };
@id("s2") @obligations("justify(case-reference)")
permit (principal, action == Action::"search", resource) when { resource has gravity && resource.gravity >= 36 };
@id("s3") @obligations("owner-authorisation, tlp-amber")
permit (principal, action == Action::"search", resource) when { context.authorised || resource.contested };
@id("p1") @obligations("score-form(halves)")
permit (principal, action == Action::"see score", resource)
when { context.score.greaterThanOrEqual(decimal("4.0")) };
@id("p2") @obligations("reviewers(2), downgrade(arrest locate)")
permit (principal, action == Action::"see alert", resource) when { context has case_reference || !resource.contested };
@id("p3") @obligations("silent-alarm")
permit (principal, action == Action::"see links", resource) when { principal.authority == "border-guard" };
"""
FORBIDS = """
@id("f1") forbid (principal, action, resource) when { resource.age == "under-12" && !resource.in_child_interest };
@id("f2") forbid (principal, action in [Action::"see reference", Action::"see alert"], resource)
when { resource.handling.contains("tlp-red") };
@id("f3") forbid (principal, action == Action::"take action", resource)
when { resource.flagged_by.contains(principal.partner) && context.action == "arrest" };
@id("f4") forbid (principal, action in Action::"check", resource)
when { resource has gravity && resource.gravity * 9223372036854775807 == 0 };
"""

WHOLE = '@id("w") forbid (principal, action, resource) when { resource == resource && resource.exercise };'


def questions(seed: int) -> Iterator[tuple[Request, VisibilityClass, float]]:
    """Draw questions without end, from so few words that most rules meet each of them often."""
    draw = random.Random(seed)
    while True:
        request = Request(
            draw.choice(["xa", "xb"]),
            draw.choice(["terminal", "reviewer"]),
            draw.choice(["border-check", "asylum"]),
            draw.choice([None, "7"]),
            draw.choice(["GATE", "GATE", "GATE", "\ud800"]),
            authority=draw.choice(["", "border-guard"]),
            justified=draw.choice([frozenset(), frozenset({"case-reference"})]),
            authorised_by=draw.choice([frozenset(), frozenset({"xb"})]),
            exhausted=draw.choice([frozenset(), frozenset({"xa-xb"})]),
        )
        conditions = Conditions(
            flagged_by=draw.choice([(), ("xa",)]),
            hidden_until=draw.choice([None, None, NOW - timedelta(days=1)]),
            age=draw.choice([Age.ADULT, Age.UNDER_12]),
            in_child_interest=draw.choice([False, True]),
            gravity=draw.choice([None, None, 0, 1, 60]),
            contested=draw.choice([False, True]),
        )
        handling = draw.choice([(), ("tlp-red",), ("tlp-green",)])
        klass = VisibilityClass("xb", draw.choice(["a", "b"]), "wanted", "arrest", handling, conditions)
        yield request, klass, draw.choice([2.0, 6.0])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The actions that Cedar was asked about, as it was asked."""
    actions: list[str] = []
    ask = cedarpy.is_authorized

    def listen(put: dict[str, Any], *rest: Any) -> cedarpy.AuthzResult:
        actions.append(put["action"]["id"])
        return ask(put, *rest)

    monkeypatch.setattr(cedarpy, "is_authorized", listen)
    return actions


@pytest.mark.parametrize("more", ["", WHOLE], ids=["each by what it reads", "one that may read everything"])
@pytest.mark.parametrize("limit", [MEMO_ANSWERS, 3])
def test_a_forgotten_memo_answers_the_same(
    load: Load, monkeypatch: pytest.MonkeyPatch, asked: list[str], more: str, limit: int
) -> None:
    monkeypatch.setattr(question, "MEMO_ANSWERS", limit)
    agreement = load(PERMITS + FORBIDS + more, **PARTICULARS)
    lasting, forgetting = RuleBook([agreement]), RuleBook([agreement])
    seen, saved = set(), 0
    for request, klass, score in islice(questions(1), ASKED):
        answers, put = [], []
        for book in (lasting, forgetting):
            asked.clear()
            ruling = partial(book.ask, Deed.TAKE_ACTION, request, klass, NOW, action="arrest")
            for ask in (
                partial(book.visible, request, [klass], NOW),
                partial(book.disclosure, request, klass, score, NOW),
                ruling,
            ):
                forgetting.forget()
                answers.append(ask())
            put.append(len(asked))
        assert answers[:3] == answers[3:]
        seen.add(str(answers))
        saved += put[1] - put[0]
    assert len(seen) > 30
    assert (saved > ASKED) is (not more and limit > 3)


def test_a_rule_may_ask_what_its_action_has_which_is_nothing(load: Load) -> None:
    asking = '@id("a") forbid (principal, action, resource) when { action has urgent };'
    plain = RuleBook([load(PERMITS, **PARTICULARS)])
    curious = RuleBook([load(PERMITS + asking, "asking", **PARTICULARS)])
    for request, klass, _ in islice(questions(2), 20):
        assert curious.visible(request, [klass], NOW) == plain.visible(request, [klass], NOW)


@pytest.mark.parametrize("forbidden", [None, *CONDITIONS])
def test_one_panel_says_of_one_after_another_what_cedar_says(load: Load, forbidden: str | None) -> None:
    agreement = load(rules(forbidden), handling='["tlp-red"]')
    panel = Panel([agreement], frozenset({agreement}), PURPOSE)
    for _, case, score, handling in product(range(2), (None, "7"), (49, 50), ((), ("tlp-red",))):
        facts = Facts(terminal(case=case), wanted(handling=handling), score)
        for action in filter(panel.hears, ACTIONS):
            allowed, ids, failed = as_cedar_alone_says(agreement, facts, action)
            verdict = panel.ask(action, facts, MORE.get(action))
            assert (bool(verdict.permits), bool(verdict.faults)) == (allowed and not failed, failed), action
            said = {
                policy.id for found in (verdict.permits, verdict.forbids) for each in found.values() for policy in each
            }
            assert failed or said == ids, action


def test_cedar_is_asked_where_a_rule_has_not_met_what_it_reads(load: Load, asked: list[str]) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("see score", 'resource.age == "under-12"', does="forbid", name="no"))])
    klasses = [replace(wanted(), watchlist=f"list-{number}") for number in range(3)]
    klasses += [replace(klass, conditions=Conditions(age=Age.UNDER_12)) for klass in klasses]
    levels = [book.disclosure(terminal(), klass, 6.0, NOW).level for klass in klasses]
    assert levels == [Level.SCORE] * 3 + [Level.NONE] * 3
    assert len(asked) == 2


def test_a_rule_that_asks_for_the_action_is_asked_of_each_class_that_differs_to_it(
    load: Load, asked: list[str]
) -> None:
    asking = 'action == Action::"see score" && resource.contested'
    book = RuleBook([load(SEARCH + SCORE + rule("see score", asking, does="forbid", name="no"))])
    klasses = [replace(wanted(), watchlist=f"list-{number}") for number in range(3)]
    klasses += [replace(klass, conditions=Conditions(contested=True)) for klass in klasses]
    levels = [book.disclosure(terminal(), klass, 6.0, NOW).level for klass in klasses]
    assert levels == [Level.SCORE] * 3 + [Level.NONE] * 3
    assert book.visible(terminal(), klasses, NOW) == set(klasses[:3])
    assert len(asked) == 3


def test_what_follows_from_the_same_rules_is_worked_out_once(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[str] = []
    ask = Panel.ask

    def listen(panel: Panel, action: str, *rest: Any) -> Verdict:
        put.append(action)
        return ask(panel, action, *rest)

    monkeypatch.setattr(Panel, "ask", listen)
    book = RuleBook([load(SEARCH + SCORE)])
    klasses = [replace(wanted(), watchlist=f"list-{number}") for number in range(3)]
    for klass in klasses:
        assert book.visible(terminal(), [klass], NOW) == {klass}
    assert put.count("search") == 1
    assert {book.disclosure(terminal(), klass, 6.0, NOW).level for klass in klasses} == {Level.SCORE}
    assert put.count("search") == 2


def test_classes_of_which_the_same_rules_hold_keep_their_own_handling(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    for handling in ((), ("tlp-green",), ("tlp-red",), ()):
        assert book.disclosure(terminal(), wanted(handling=handling), 6.0, NOW).handling == handling


def test_each_class_is_decided_on_once_whatever_it_is_asked_with() -> None:
    decided: list[str] = []

    def decides(_epoch: int, _request: Request, klass: VisibilityClass) -> bool:
        decided.append(klass.owner)
        return klass.owner != "xb"

    visibility = Visibility()
    for owners, visible in (("xa", "xb"), {"xa"}), (("xb", "xc"), {"xc"}), (("xa", "xc"), {"xa", "xc"}):
        found = visibility.among(frozenset(map(wanted, owners)), 1, terminal(), NOW, decides)
        assert {klass.owner for klass in found} == visible
    assert sorted(decided) == ["xa", "xb", "xc"]


def test_what_cedar_could_not_answer_once_is_asked_again(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    agreement = load(SEARCH + '@id("no") forbid (principal, action == Action::"search", resource);')
    panel = Panel([agreement], frozenset({agreement}), PURPOSE)
    with monkeypatch.context() as broken:
        silence = {"decision": "NoDecision", "diagnostics": {"reason": [], "errors": []}}
        broken.setattr(cedarpy, "is_authorized", lambda *_: cedarpy.AuthzResult(silence))
        assert panel.ask("search", Facts(terminal(), wanted())) == ({}, {}, {}, True)
    assert panel.ask("search", Facts(terminal(), wanted())).forbids


def test_what_cedar_cannot_read_is_not_answered_from_memory(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    agreement = load(SEARCH + SCORE)
    panel = Panel([agreement], frozenset({agreement}), PURPOSE)
    assert panel.ask("search", Facts(terminal(), wanted())).permits
    for odd in (replace(terminal(), checkpoint="\ud800"), terminal(case="\udc00")):
        assert panel.ask("search", Facts(odd, wanted())).vetoed
    paired = replace(terminal(), checkpoint="\ud83d\ude00 \N{GRINNING FACE} é")
    assert panel.ask("search", Facts(paired, wanted())).permits
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("gravity", [-(1 << 63), (1 << 63) - 1])
def test_the_facts_that_are_refused_are_those_that_cedar_refuses(gravity: int) -> None:
    beyond = gravity + (1 if gravity > 0 else -1)
    assert Facts(terminal(), graved(gravity)).entities
    for klass in (
        graved(beyond),
        wanted(handling=("\ud800",)),
        wanted(owner="x\udfff"),
        wanted(category="\ud83d\0\ude00"),
    ):
        with pytest.raises(ValueError, match=r"valid text|64 bits"):
            Facts(terminal(), klass)
        with pytest.raises(ValueError):  # noqa: PT011 -- Cedar's words, whatever they are
            entities_of("xa", "xa", "terminal", "", klass)
    assert Facts(terminal(), wanted(handling=("\ud83d\ude00", "é"))).entities


def test_what_was_decided_under_one_version_is_nothing_to_the_next(load: Load) -> None:
    ends = NOW + timedelta(hours=1)
    first = load(SEARCH + SCORE, "first", in_force_until=ends.isoformat())
    then = load(SEARCH, "then", version="2", in_force_from=ends.isoformat())
    book = RuleBook([first, then])
    for at, level in ((NOW, Level.SCORE), (ends, Level.NONE), (NOW, Level.SCORE)):
        assert book.disclosure(terminal(), wanted(), 6.0, at).level is level
        assert book.visible(terminal(), [wanted()], at) == ({wanted()} if level else frozenset())


def graved(gravity: int) -> VisibilityClass:
    return replace(wanted(), conditions=Conditions(gravity=gravity))
