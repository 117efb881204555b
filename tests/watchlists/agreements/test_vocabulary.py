"""What is read off the conditions of a rule, and what is said of words that are not known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cedarpy
import pytest

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Load, terminal, wanted
from watchlists.agreements.actions import CHECKED, SEEN
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.levels import Level
from watchlists.agreements.vocabulary import (
    CONTEXT,
    UnsoundRuleError,
    Words,
    asked_alike,
    check_words,
    context_reads,
    decimals,
    purposes_asked,
    words_asked,
)


def tree(*conditions: str, head: str = "principal, action, resource") -> Mapping[str, Any]:
    """A forbid in Cedar's JSON form; each condition with its `when` or `unless`."""
    parsed = json.loads(cedarpy.policies_to_json_str(f"forbid ({head}) {' '.join(conditions)};"))
    (policy,) = parsed["staticPolicies"].values()
    found: Mapping[str, Any] = policy
    return found


@pytest.mark.parametrize(
    ("condition", "reads"),
    [
        ("true", set()),
        ('principal.partner == "context" && resource.owner == "purpose"', set()),
        ('context.purpose == "asylum"', {"purpose"}),
        ("context has case_reference", {"case_reference"}),
        ('context has case_reference && context.case_reference == "7"', {"case_reference"}),
        ('!(context.checkpoint like "XA-*") || context.emergency', {"checkpoint", "emergency"}),
        ('resource.handling.contains(context["checkpoint"])', {"checkpoint"}),
        ('{"has": context.emergency} == {".": context.exercise}', {"emergency", "exercise"}),
        ("context == context", CONTEXT),
        ("context.emergency && context == context", CONTEXT),
        ("(if context.emergency then context else context) has case_reference", CONTEXT),
    ],
)
def test_what_a_rule_reads_of_the_context(condition: str, reads: set[str]) -> None:
    assert context_reads(tree(f"when {{ {condition} }}")) == reads
    assert context_reads(tree(f"unless {{ {condition} }}")) == reads


@pytest.mark.parametrize(
    "forbid",
    [
        'when { context has case_reference && context.case_reference == "7" }',
        "unless { !(context has case_reference) }",
        'when { context.checkpoint == "XA-GATE-07" && context has case_reference }',
    ],
)
def test_whatever_a_rule_reads_of_a_request_it_is_given(load: Load, forbid: str) -> None:
    """What no rule reads is blanked, so that requests share decisions: a forbid must not lose what it looks at."""
    book = RuleBook(
        [load(SEARCH + SCORE + f'@id("no") forbid (principal, action == Action::"search", resource) {forbid};')]
    )
    assert book.disclosure(terminal(), wanted(), 6.0, NOW).level is Level.SCORE
    assert book.disclosure(terminal(case="7"), wanted(), 6.0, NOW).level is Level.NONE
    assert book.visible(terminal(case="7"), [wanted()], NOW) == frozenset()


@pytest.mark.parametrize(
    ("condition", "alike"),
    [
        ("true", CHECKED),
        ('resource.owner == "action"', CHECKED),
        ("context has score", set(SEEN)),
        ('action == Action::"search"', set()),
        ('action in Action::"check" && context has score', set()),
    ],
)
def test_actions_for_which_a_rule_says_the_same(condition: str, alike: set[str]) -> None:
    assert asked_alike(tree(f"when {{ {condition} }}")) == alike


@pytest.mark.parametrize(
    ("conditions", "purposes"),
    [
        (["when { true }"], None),
        (['when { context.purpose == "a" }'], {"a"}),
        (['when { "a" == context.purpose }'], {"a"}),
        (['when { ["a", "b"].contains(context.purpose) }'], {"a", "b"}),
        (['when { context.purpose == "a" || context.emergency }'], None),
        (['when { context.emergency && (context.exercise && context.purpose == "a") }'], {"a"}),
        (['when { (context.purpose == "a" && context.exercise) && context.emergency }'], {"a"}),
        (['when { (context.purpose == "a" && true) && (context.emergency && context.exercise) }'], {"a"}),
        (['when { context.purpose == "a" }', "when { context.emergency }"], {"a"}),
        (["when { context.emergency }", 'when { context.purpose == "a" }'], {"a"}),
        (['when { ["a", "b"].contains(context.purpose) && ["b", "c"].contains(context.purpose) }'], {"b"}),
        (['unless { context.purpose == "a" }'], None),
        (["when { context.purpose == context.purpose }"], None),
        (['when { ["a", context.checkpoint].contains(context.purpose) }'], None),
        (["when { [].contains(context.purpose) }"], None),
        (['when { context.purpose != "a" }'], None),
    ],
)
def test_the_purposes_outside_which_a_rule_never_matches(conditions: list[str], purposes: set[str] | None) -> None:
    assert purposes_asked(tree(*conditions)) == purposes


def test_words_of_any_attribute_can_be_asked_for() -> None:
    rule = tree('when { principal.authority == "police" && resource.category == "wanted" }')
    attributes = ("principal.authority", "resource.category", "resource.authority")
    assert [words_asked(rule, attribute) for attribute in attributes] == [{"police"}, {"wanted"}, None]


def test_the_decimal_numbers_of_a_rule() -> None:
    rule = tree('when { context.score.lessThan(decimal("4.0")) || context.score.greaterThan(decimal("6.5")) }')
    assert decimals(rule) == {"4.0", "6.5"}
    assert decimals(tree('when { resource.owner == "4.0" }')) == frozenset()


KNOWN = {"resource.owner": Words({"xa", "xb"}, "parties"), "resource.age": Words({"adult", "minor"})}


@pytest.mark.parametrize(
    ("rule", "text", "hint"),
    [
        (tree('when { resource.owner == "xc" }'), "resource.owner is compared with 'xc'", "`parties`"),
        (tree('when { "xc" == resource.owner }'), "resource.owner is compared with 'xc'", "xa, xb"),
        (tree('unless { ["xa", "xc"].contains(resource.owner) }'), "resource.owner is compared with 'xc'", "xa, xb"),
        (tree('when { resource.age != "old" }'), "'old', which is none of its words", "adult, minor"),
        (tree('when { resource.owner like "x*" }'), "resource.owner may not be compared by pattern", "Name the words"),
        (tree('when { {owner: resource.owner} == {owner: "xa"} }'), "records have no use", "one by one"),
        (tree('when { {".": resource.owner} == {".": "xa"} }'), "records have no use", "one by one"),
        (tree('when { [{"like": 1}].contains({"__entity": 1}) }'), "records have no use", "one by one"),
        (tree('when { principal == Requester::"xa" }'), "no Requester can be named", "principal.partner"),
        (tree(head='principal == Requester::"xa", action, resource'), "may not name a principal", "in `when`"),
        (tree(head='principal, action, resource in Alert::"a"'), "may not name a resource", "in `when`"),
        (tree(head='principal is Requester in Group::"g", action, resource'), "may not name a principal", "in `when`"),
    ],
)
def test_what_is_said_of_a_rule_that_would_not_do_what_it_seems_to_say(
    rule: Mapping[str, Any], text: str, hint: str
) -> None:
    with pytest.raises(UnsoundRuleError) as refused:
        check_words(rule, KNOWN)
    assert text in str(refused.value)
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    "rule",
    [
        tree('when { resource.owner == "xa" && ["adult"].contains(resource.age) }'),
        tree('when { resource.watchlist == "of-anybody" && context.checkpoint like "XA-*" }'),
        tree('when { action == Action::"search" }'),
        tree(head="principal is Requester, action, resource is Alert"),
    ],
)
def test_a_rule_of_known_words_is_let_pass(rule: Mapping[str, Any]) -> None:
    check_words(rule, KNOWN)


def test_a_word_for_which_nothing_is_listed_is_refused_too() -> None:
    with pytest.raises(UnsoundRuleError) as refused:
        check_words(tree('when { resource.owner == "xc" }'), {"resource.owner": Words((), "parties")})
    assert refused.value.hint.endswith("which lists nothing.")
