"""What rules ask of entries that are there: whoever may have written them, and never further away than they were."""

from __future__ import annotations

from datetime import timedelta

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Load, wanted
from tests.watchlists.agreements.test_rule_kinds import DAY, rule
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.duties import Duty, Obligation
from watchlists.agreements.entering import rulings_on
from watchlists.agreements.retention import reschedule
from watchlists.agreements.terms import Terms
from watchlists.records import Partner

OWNER = Partner("xb", "State of XB", "xz")
WORDS = {"authorities": '["police", "customs"]', "countries": '["xy", "xz"]'}


def kept_for(book: RuleBook, *, faces: int = 1, fingers: int = 2) -> list[int | None]:
    """For how many days each authority of the owner may keep an entry."""
    rulings = rulings_on(book, OWNER, wanted(), NOW, faces=faces, fingers=fingers)
    kept = [ruling.terms.duration(Obligation.RETAIN_AT_MOST) for ruling in rulings]
    return [None if duration is None else duration.days for duration in kept]


def keep(days: int, when: str, name: str) -> str:
    return rule("enter", when, asks=f"retain-at-most({days} d)", name=name)


def test_each_authority_that_may_have_written_an_entry_has_its_terms(load: Load) -> None:
    police = keep(10, 'principal.authority == "police"', "police")
    others = keep(20, 'principal.authority != "police"', "others")
    assert kept_for(RuleBook([load(SEARCH + police + others, **WORDS)])) == [20, 20, 10]


def test_an_authority_that_may_not_is_left_out(load: Load) -> None:
    rules = rule("enter", 'principal.authority != "police"', does="forbid") + keep(10, "true", "all")
    assert kept_for(RuleBook([load(SEARCH + rules, **WORDS)])) == [10]


def test_rules_read_who_the_owner_is_and_what_the_entry_has(load: Load) -> None:
    for number, (condition, days) in enumerate(
        (
            ('principal.partner == "xb" && principal.country == "xz" && principal.role == "sync"', 5),
            ('principal.country == "xy" || principal.role == "terminal"', None),
            ("context.faces == 1 && context.fingers == 2", 5),
            ("context.faces == 2 || context.fingers == 1", None),
            ('context.warnings.contains("too-dark")', None),
        )
    ):
        assert kept_for(RuleBook([load(SEARCH + keep(5, condition, "kept"), str(number), **WORDS)])) == [days] * 3


def test_agreements_of_others_say_nothing_of_it(load: Load) -> None:
    here = load(SEARCH + SCORE + keep(5, "true", "kept"), "here", authorities='["police"]')
    elsewhere = load(
        SEARCH + keep(1, "true", "kept"), "there", id='"there"', parties='["xa", "xc"]', authorities='["army"]'
    )
    assert kept_for(RuleBook([here, elsewhere])) == [5, 5]


def terms(days: int, review: int) -> Terms:
    return Terms.merge(
        [Duty(Obligation.RETAIN_AT_MOST, days * DAY), Duty(Obligation.REVIEW_EVERY, timedelta(days=review))]
    )


def test_of_several_terms_the_mildest_count_and_never_beyond_what_was_set() -> None:
    review, expiry = NOW + 50 * DAY, NOW + 100 * DAY
    assert reschedule([terms(10, 5)], NOW, review, expiry) == (NOW + 5 * DAY, NOW + 10 * DAY)
    assert reschedule([terms(10, 5), terms(20, 4)], NOW, review, expiry) == (NOW + 5 * DAY, NOW + 20 * DAY)
    assert reschedule([terms(10, 5), terms(200, 200)], NOW, review, expiry) == (review, expiry)
    assert reschedule([terms(10, 5), Terms()], NOW, None, None) == (None, None)
    assert reschedule([], NOW, review, expiry) == (review, expiry)
