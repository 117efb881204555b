"""What came in by an agreement ends with it: what of a disclosure is left once agreements have changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.watchlists.agreements.conftest import NOW, Load, terminal, wanted
from tests.watchlists.agreements.test_rule_kinds import ALERT, HOUR, SCORE, SEARCH, alert, rule
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import NOTHING, Disclosure
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement

LATER = NOW + HOUR
SOON = {"in_force_until": LATER.isoformat()}
SUCCESSOR = {"version": "2", "supersedes": '["xa-xb@1"]', "in_force_from": LATER.isoformat()}


def left(first: RuleBook, then: RuleBook, score: float = 6.0) -> Disclosure:
    """What is left an hour later of what the first book discloses now."""
    came_in = first.disclosure(terminal(), wanted(), score, NOW)
    assert came_in.known
    assert not then.stands(came_in.deciding, LATER)
    return then.remaining(came_in.deciding, terminal(), wanted(), score, LATER)


def among(load: Load, old: Agreement, rules: str) -> Disclosure:
    """What is left when a new version with other rules takes the place of the old one."""
    return left(RuleBook([old]), RuleBook([old, load(rules, "new", **SUCCESSOR)]))


def test_rule_kind_37_nothing_is_left_of_an_agreement_that_has_ended_whoever_else_would_give_it(load: Load) -> None:
    ending, lasting = load(SEARCH + ALERT, "a", **SOON), load(SEARCH + SCORE, "b", id='"other"')
    assert left(RuleBook([ending]), RuleBook([ending])) == NOTHING
    book = RuleBook([ending, lasting])
    assert {by.agreement for by in book.disclosure(terminal(), wanted(), 6.0, NOW).deciding} == {"xa-xb"}
    assert left(book, book) == NOTHING
    assert book.disclosure(terminal(), wanted(), 6.0, LATER).level is Level.SCORE


def test_rule_kind_37_what_two_agreements_give_alike_is_left_by_the_one_that_lasts(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, "a", **SOON), load(SEARCH + SCORE, "b", id='"other"')])
    assert left(book, book).level is Level.SCORE


def test_rule_kind_37_what_is_seen_at_once_by_one_and_later_by_another_ends_with_either(load: Load) -> None:
    waiting = SEARCH + rule("see alert", asks="reviewers(1)")
    at_once, later = load(SEARCH + SCORE, "a", **SOON), load(waiting, "b", id='"other"')
    book = RuleBook([at_once, later])
    remaining = left(book, book)
    assert remaining.later is not None
    assert (remaining.level, remaining.later.level) == (Level.NONE, Level.ALERT)


def test_rule_kind_37_a_successor_leaves_what_it_still_allows(load: Load) -> None:
    old = load(SEARCH + SCORE, "old")
    assert among(load, old, SEARCH + SCORE).level is Level.SCORE


def test_rule_kind_37_a_successor_that_allows_less_leaves_less(load: Load) -> None:
    assert among(load, load(SEARCH + SCORE, "old"), SEARCH + rule("see hit")).level is Level.HIT


def test_rule_kind_37_a_successor_that_forbids_it_leaves_nothing(load: Load) -> None:
    old = load(SEARCH + SCORE, "old")
    assert among(load, old, SEARCH + SCORE + rule("see hit", does="forbid")) == NOTHING


def test_rule_kind_37_what_a_successor_keeps_for_later_is_not_left_at_once(load: Load) -> None:
    remaining = among(load, load(SEARCH + SCORE, "old"), SEARCH + rule("see score", asks="reviewers(1)"))
    assert remaining.later is not None
    assert (remaining.level, remaining.later.level) == (Level.NONE, Level.SCORE)


def test_rule_kind_37_what_would_not_be_compared_any_more_is_not_left(load: Load) -> None:
    low = rule("see score", 'context.score.lessThan(decimal("7.0"))')
    assert among(load, load(SEARCH + SCORE, "old"), SEARCH + low) == NOTHING


def test_rule_kind_37_without_its_folder_nothing_is_left_but_of_a_later_version(load: Load) -> None:
    first = RuleBook([load(SEARCH + SCORE, "old")])
    assert left(first, RuleBook()) == NOTHING
    assert left(first, RuleBook([load(SEARCH + SCORE, "other", id='"other"')])) == NOTHING
    assert left(first, RuleBook([load(SEARCH + SCORE, "new", **SUCCESSOR)])).level is Level.SCORE


def test_rule_kind_37_an_agreement_of_another_name_inherits_what_it_supersedes_through_others_too(load: Load) -> None:
    old = load(SEARCH + SCORE, "old")
    between = load(SEARCH, "mid", id='"mid"', supersedes='["xa-xb@1"]', in_force_from=(NOW + HOUR / 2).isoformat())
    heir = load(SEARCH + SCORE, "new", id='"new"', supersedes='["mid@1"]', in_force_from=LATER.isoformat())
    assert left(RuleBook([old]), RuleBook([old, between, heir])).level is Level.SCORE
    assert left(RuleBook([old]), RuleBook([between, heir]), 4.0).level is Level.SCORE
    stranger = load(SEARCH + SCORE, "stranger", id='"stranger"')
    ended = load(SEARCH, "end", id='"mid"', supersedes='["xa-xb@1"]', in_force_from=(NOW + HOUR / 2).isoformat())
    assert left(RuleBook([old]), RuleBook([ended, stranger])) == NOTHING


def test_rule_kind_37_a_successor_that_is_yet_to_come_leaves_nothing(load: Load) -> None:
    ending = load(SEARCH + SCORE, "old", **SOON)
    coming = SUCCESSOR | {"in_force_from": (LATER + timedelta(days=1)).isoformat()}
    assert left(RuleBook([ending]), RuleBook([ending, load(SEARCH + SCORE, "new", **coming)])) == NOTHING


def test_rule_kind_37_a_later_version_inherits_without_saying_so(load: Load) -> None:
    later = load(SEARCH + SCORE, "new", version="2", in_force_from=LATER.isoformat())
    ending = load(SEARCH + SCORE, "old", **SOON)
    assert left(RuleBook([ending]), RuleBook([ending, later])).level is Level.SCORE


def test_rule_kind_37_what_a_successor_asks_for_beforehand_it_still_asks_for(load: Load) -> None:
    old = RuleBook([load(SEARCH + SCORE, "old")])
    then = RuleBook([load(rule("search", asks="owner-authorisation") + SCORE, "new", **SUCCESSOR)])
    assert left(old, then) == NOTHING
    came_in = old.disclosure(terminal(), wanted(), 6.0, NOW)
    authorised = replace(terminal(), authorised_by=frozenset({"xb"}))
    assert then.remaining(came_in.deciding, authorised, wanted(), 6.0, LATER).level is Level.SCORE


def test_rule_kind_37_what_is_hidden_now_is_not_left(load: Load) -> None:
    old = RuleBook([load(SEARCH + SCORE, "old")])
    then = RuleBook([load(SEARCH + SCORE, "new", **SUCCESSOR)])
    came_in = old.disclosure(terminal(), wanted(), 6.0, NOW)
    for until, level in ((LATER, Level.SCORE), (LATER + HOUR, Level.NONE)):
        remaining = then.remaining(came_in.deciding, terminal(), alert(hidden_until=until), 6.0, LATER)
        assert remaining.level is level


def test_what_is_left_is_remembered_for_those_who_inherit_it(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, "a", **SOON), load(SEARCH + SCORE, "b", id='"other"')])
    assert left(book, book) is left(book, book)
