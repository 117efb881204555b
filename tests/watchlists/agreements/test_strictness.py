"""What an agreement asks for binds, also where what it permits does not count: nothing that is missing shows more."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from tests.watchlists.agreements.conftest import NOW, Load, terminal, wanted
from tests.watchlists.agreements.test_rule_kinds import ALERT, SCORE, SEARCH, rule
from watchlists.agreements.actions import Extra
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Disclosure, FullCandidate, mask
from watchlists.agreements.duties import Obligation
from watchlists.agreements.explain import explain
from watchlists.agreements.facts import Request
from watchlists.agreements.findings import Why
from watchlists.agreements.levels import Level

CASE = "2026/7"
LACKING = {
    "quota(5)": replace(terminal(case=CASE), exhausted=frozenset({"strict"})),
    "justify(justification)": terminal(case=CASE),
    "owner-authorisation": terminal(case=CASE),
}
"""Requests that lack what the strict agreement asks for beforehand, by its word."""
FULL = replace(terminal(case=CASE), justified=frozenset({"justification"}), authorised_by=frozenset({"xb"}))
CANDIDATE = FullCandidate(
    score=6.37,
    band="strong",
    reference="xb-list/E-1",
    pseudonym="5f0c",
    category="wanted",
    subject={"family_name": "Quillfeather", "documents": ("PXQ7719283",)},
)


class Beside:
    """A strict agreement that asks for something beforehand, and a plain one that does not."""

    def __init__(self, load: Load, strict: str, plain: str, precondition: str = "quota(5)") -> None:
        search = rule("search", asks=precondition)
        self.plain = load(SEARCH + plain, "plain", id='"plain"')
        self.book = RuleBook([self.plain, load(search + strict, "strict", id='"strict"')])
        self.lacking = LACKING[precondition]

    def seen(self, request: Request | None = None) -> Disclosure:
        return self.book.disclosure(request or self.lacking, wanted(), 6.37, NOW)


@pytest.mark.parametrize("precondition", LACKING)
def test_rule_kind_27_a_silent_alarm_stays_silent_without_what_its_agreement_asks_for(
    load: Load, precondition: str
) -> None:
    both = Beside(load, rule("see hit", asks="silent-alarm"), SCORE, precondition)
    assert both.seen(FULL).silent
    assert (both.seen().silent, both.seen().shown, both.seen().level) == (True, Level.NONE, Level.SCORE)
    assert not RuleBook([both.plain]).disclosure(both.lacking, wanted(), 6.37, NOW).silent


@pytest.mark.parametrize("precondition", LACKING)
def test_rule_kind_27_what_waits_for_people_goes_on_waiting(load: Load, precondition: str) -> None:
    both = Beside(load, rule("see score", asks="reviewers(2), confirm-within(12 h)"), SCORE, precondition)
    for seen in (both.seen(), both.seen(FULL)):
        assert seen.later is not None
        assert (seen.level, seen.later.level, seen.later.terms.reviewers.count) == (Level.NONE, Level.SCORE, 2)
        assert seen.later.terms.has(Obligation.CONFIRM_WITHIN)
    assert {by.agreement for by in both.seen().deciding} == {"plain"}


def test_rule_kind_27_a_lower_level_that_waits_keeps_a_higher_one_waiting(load: Load) -> None:
    both = Beside(load, rule("see hit", asks="release-by-owner(24 h)"), ALERT)
    later = both.seen().later
    assert later is not None
    assert (both.seen().level, later.level) == (Level.NONE, Level.ALERT)


def test_rule_kind_27_a_silent_alarm_of_a_level_that_is_not_to_be_had_is_one(load: Load) -> None:
    both = Beside(load, rule("see alert", asks="silent-alarm, reviewers(1), confirm-within(1 h)"), SCORE)
    seen = both.seen()
    assert (seen.silent, seen.level, seen.later) == (True, Level.SCORE, None)
    assert both.seen(FULL).later is not None


def test_rule_kind_27_nothing_is_opened_that_is_not_to_be_had(load: Load) -> None:
    """Nobody is asked to confirm or release what would show nothing; what else is asked for binds."""
    asks = "reviewers(1), confirm-within(1 h), release-by-owner(1 h), notify-owner, candidates(1), tlp-red"
    seen = Beside(load, rule("see alert", asks=asks), SCORE).seen()
    assert seen.later is None
    assert seen.duties.texts == ("candidates(1)", "notify-owner", "quota(5)")
    assert seen.handling == ("tlp-red",)


STRICT = [
    *(
        rule(f"see {level.word}", asks=asks)
        for level, asks in product(
            (Level.HIT, Level.SCORE, Level.BIOGRAPHICS),
            ("score-form(band)", "pseudonym", "mask(documents)", "fields(family_name)", "silent-alarm", "reviewers(1)"),
        )
    ),
    rule("see links", asks="mask(documents), reviewers(1)") + ALERT,
    rule("see score", does="forbid"),
]


@pytest.mark.parametrize("precondition", LACKING)
@pytest.mark.parametrize("strict", STRICT)
def test_rule_kind_27_what_is_missing_never_shows_more(load: Load, strict: str, precondition: str) -> None:
    plain = rule("see biographics", name="plain") + rule("see links", name="plain-links")
    both = Beside(load, strict, plain, precondition)
    lacking, full = both.seen(), both.seen(FULL)
    assert lacking.shown <= full.shown
    assert lacking.extras <= full.extras
    if lacking.level is not Level.NONE:
        with_all, without = mask(full, CANDIDATE), mask(lacking, CANDIDATE)
        for name in ("band", "score", "reference", "alert", "subject"):
            assert without[name] in (None, with_all[name])


def test_rule_kind_27_what_binds_alone_shows_nothing_and_makes_nothing_visible(load: Load) -> None:
    """An agreement whose quota is used up must not tell that there is an entry of which it alone speaks."""
    missing = wanted(category="missing-person")
    of_missing = rule("see biographics", 'resource.category == "missing-person"')
    both = Beside(load, of_missing, rule("see score", 'resource.category == "wanted"'))
    alone = RuleBook([both.plain])
    for book in (both.book, alone):
        assert book.visible(both.lacking, [wanted(), missing], NOW) == {wanted()}
        assert not book.disclosure(both.lacking, missing, 6.37, NOW).known
    assert both.book.visible(FULL, [wanted(), missing], NOW) == {wanted(), missing}


def test_rule_kind_27_an_extra_that_only_an_exhausted_agreement_permits_is_not_seen(load: Load) -> None:
    both = Beside(load, ALERT + rule("see links"), ALERT)
    assert (both.seen().extras, both.seen(FULL).extras) == (frozenset(), frozenset({Extra.LINKS}))


def test_rule_kind_27_one_that_waits_for_an_exhausted_agreement_waits(load: Load) -> None:
    both = Beside(load, ALERT + rule("see links", asks="reviewers(1)"), ALERT + rule("see links"))
    later = both.seen().later
    assert later is not None
    assert (both.seen().level, both.seen().extras, later.extras) == (Level.ALERT, frozenset(), frozenset({Extra.LINKS}))


def test_rule_kind_27_the_explanation_names_the_clause_that_binds(load: Load) -> None:
    both = Beside(load, rule("see score", name="wait", asks="reviewers(2), silent-alarm"), SCORE)
    explanation = explain(both.book, both.lacking, wanted(), 6.37, NOW)
    by = {finding.why: [clause.clause for clause in finding.clauses] for finding in explanation.findings}
    assert (by[Why.WAITS], by[Why.SILENT], by[Why.QUOTA]) == (["wait"], ["wait"], ["permit-search"])
