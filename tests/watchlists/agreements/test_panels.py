"""Which agreements decide together, and for which purposes anything could come of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Load, terminal, wanted
from tests.watchlists.agreements.test_rule_kinds import alert, rule
from watchlists.agreements.decide import RuleBook
from watchlists.records import VisibilityClass

AT_THE_BORDER = rule("search", 'context.purpose == "border-check"')
OPEN_ALERT = wanted()


def purposes(book: RuleBook, partner: str = "xa", klass: VisibilityClass = OPEN_ALERT, hours: int = 0) -> set[str]:
    return set(book.purposes_of(terminal(partner), klass, NOW + timedelta(hours=hours)))


def test_a_purpose_is_named_if_some_clause_could_let_the_partner_see_a_hit(load: Load) -> None:
    for_asylum = rule("see hit", 'context.purpose == "asylum"')
    assert purposes(RuleBook([load(SEARCH + SCORE, "any")])) == {"border-check", "asylum"}
    assert purposes(RuleBook([load(SEARCH + for_asylum, "one")])) == {"asylum"}
    assert purposes(RuleBook([load(SEARCH, "no-level")])) == set()
    other = load(SEARCH + SCORE, "other", id='"other"', purposes='["visa"]', categories='["missing-person"]')
    both = RuleBook([load(SEARCH + for_asylum, "two"), other])
    assert purposes(both) == {"asylum"}
    assert purposes(both, klass=wanted(category="missing-person")) == {"asylum", "visa"}


def test_whoever_may_never_see_a_hit_has_no_purpose(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, in_force_until=(NOW + timedelta(hours=1)).isoformat())])
    assert purposes(book, "xb") == {"border-check", "asylum"}
    assert purposes(book, "xc") == set()
    assert purposes(book, hours=1) == set()
    assert purposes(book, klass=alert(excluded=("xa",))) == set()
    hidden = alert(hidden_until=NOW + timedelta(minutes=30))
    assert (purposes(book, klass=hidden), purposes(book, "xb", hidden)) == (set(), {"border-check", "asylum"})


def test_what_is_hidden_has_its_purposes_from_its_moment_on(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    assert purposes(book, klass=alert(hidden_until=NOW + timedelta(hours=1)), hours=1) == {"border-check", "asylum"}


def test_agreements_speak_only_between_their_parties_and_while_they_are_in_force(load: Load) -> None:
    here = load(SEARCH + SCORE, "here", in_force_until=(NOW + timedelta(hours=1)).isoformat())
    elsewhere = load(SEARCH + SCORE, "elsewhere", id='"elsewhere"', parties='["xa", "xc"]')
    book = RuleBook([here, elsewhere])
    assert book.speaking(terminal(), wanted(), NOW) == (here,)
    assert book.speaking(terminal("xc"), wanted("xa"), NOW) == (elsewhere,)
    assert book.speaking(terminal(), wanted(), NOW + timedelta(hours=1)) == ()


def test_one_panel_of_each_purpose_is_kept(load: Load) -> None:
    """A check for another purpose, or about another category, must not be decided by the panel of this one."""
    book = RuleBook([load(AT_THE_BORDER + SCORE, categories='["wanted"]')])
    for _ in range(2):
        seen = book.visible(terminal(), [wanted(), wanted(category="missing-person")], NOW)
        assert seen == {wanted()}
        assert book.visible(replace(terminal(), purpose="asylum"), [wanted()], NOW) == frozenset()
