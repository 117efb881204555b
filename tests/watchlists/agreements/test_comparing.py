"""Whether reviewers may compare the samples of an alert with those of a probe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Load, terminal, wanted
from watchlists.agreements.actions import Deed
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.explain import explain
from watchlists.agreements.facts import Request
from watchlists.agreements.findings import Why
from watchlists.records import Age, Conditions, VisibilityClass

BOTH = (Deed.COMPARE_FACE, Deed.COMPARE_FINGERS)


def rule(head: str, when: str = "true", *, forbid: bool = False) -> str:
    effect = "forbid" if forbid else "permit"
    return f'@id("{effect}")\n{effect} (principal, {head}, resource) when {{ {when} }};\n'


FACES = 'action == Action::"compare face"'
ALL = 'action in [Action::"compare face", Action::"compare fingers"]'


def reviewer(partner: str = "xa", purpose: str = "border-check") -> Request:
    return terminal(partner, purpose, role="reviewer")


def may(book: RuleBook, request: Request, klass: VisibilityClass | None = None) -> list[bool]:
    return [book.ask(deed, request, klass or wanted(), NOW).allowed for deed in BOTH]


def test_nothing_is_compared_without_a_permit_and_each_has_its_own(load: Load) -> None:
    assert may(RuleBook(), reviewer()) == [False, False]
    assert may(RuleBook([load(SEARCH + SCORE, "none")]), reviewer()) == [False, False]
    faces = RuleBook([load(SEARCH + rule(FACES), "faces")])
    assert may(faces, reviewer()) == [True, False]
    ruling = faces.ask(Deed.COMPARE_FACE, reviewer(), wanted(), NOW)
    assert ruling.decided_by == (Clause("xa-xb", 1, "permit"),)


def test_a_permit_may_ask_for_role_purpose_and_authority(load: Load) -> None:
    asked = 'principal.role == "reviewer" && context.purpose == "asylum" && principal.authority == "police"'
    book = RuleBook([load(rule(ALL, asked), authorities='["police"]')])
    police = replace(reviewer(purpose="asylum"), authority="police")
    assert may(book, police) == [True, True]
    for other in (reviewer(purpose="asylum"), replace(police, role="terminal"), replace(police, purpose="tourism")):
        assert may(book, other) == [False, False]


def test_a_forbid_is_named_and_stops_a_permit_of_another_agreement(load: Load) -> None:
    permit = load(rule(ALL), "one")
    stop = load(rule(FACES, 'resource.age == "minor"', forbid=True), "two", id='"stop"')
    book = RuleBook([permit, stop])
    minor = replace(wanted(), conditions=Conditions(age=Age.MINOR))
    assert may(book, reviewer()) == [True, True]
    assert may(book, reviewer(), minor) == [False, True]
    assert book.ask(Deed.COMPARE_FACE, reviewer(), minor, NOW).decided_by == (Clause("stop", 1, "forbid"),)


def test_owners_compare_their_own_without_a_permit_unless_it_is_forbidden(load: Load) -> None:
    assert may(RuleBook(), reviewer("xb")) == [True, True]
    assert may(RuleBook([load(SEARCH, "some")]), reviewer("xb")) == [True, True]
    others = rule(ALL, 'resource.category == "missing-person"')
    assert may(RuleBook([load(others, "others")]), reviewer("xb")) == [True, True]
    forbidden = RuleBook([load(rule(FACES, forbid=True), "forbidden")])
    assert may(forbidden, reviewer("xb")) == [False, True]


@pytest.mark.parametrize("conditions", [Conditions(excluded=("xa",)), Conditions(exercise=True)])
def test_the_owners_word_comes_before_any_permit(load: Load, conditions: Conditions) -> None:
    book = RuleBook([load(rule(ALL))])
    assert may(book, reviewer(), replace(wanted(), conditions=conditions)) == [False, False]


def test_words_that_cannot_be_put_to_a_rule_deny_it_to_its_owner_too(load: Load) -> None:
    book = RuleBook([load(rule(ALL))])
    assert may(book, replace(reviewer("xb"), checkpoint="\ud800")) == [False, False]


def test_it_is_explained_where_a_clause_says_so(load: Load) -> None:
    rules = SEARCH + SCORE + rule(ALL, 'principal.role == "reviewer"') + rule(FACES, forbid=True)
    book = RuleBook([load(rules)])
    found = explain(book, terminal(), wanted(), 6.0, NOW).findings
    assert [finding.text for finding in found if finding.why is Why.COMPARE] == [
        "reviewers may not compare face: forbidden by xa-xb@1 forbid",
        "reviewers may compare fingers: permitted by xa-xb@1 permit",
    ]
    silent = explain(book, terminal(purpose="tourism"), wanted(), 6.0, NOW).findings
    assert [finding for finding in silent if finding.why is Why.COMPARE] == []
