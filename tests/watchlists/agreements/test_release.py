"""What reviewers come to about a candidate, and when that releases what waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.watchlists.makers import NOW
from watchlists.agreements import Clause, Disclosure, Extra, Later, Level, Terms
from watchlists.agreements.obligations import parse_obligations
from watchlists.agreements.release import (
    Case,
    OwnerDecision,
    ReleaseState,
    Settlement,
    Verdict,
    VerdictKind,
    Waiver,
    release_state,
    released,
    reviewers_needed,
    settlement,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WORDS = {
    "s": VerdictKind.SAME_PERSON,
    "d": VerdictKind.DIFFERENT_PERSON,
    "i": VerdictKind.INCONCLUSIVE,
}
REVIEWERS = ("ada", "bo", "cy", "di")
GROUND = "Art. 14(5), second subparagraph"


def terms(text: str) -> Terms:
    return Terms.merge(parse_obligations(text)) if text else Terms()


def case(said: str, *, waived_at: timedelta | None = None, granted: bool | None = None, author: str = "") -> Case:
    """One verdict a minute, of one reviewer after the other."""
    verdicts = tuple(Verdict(REVIEWERS[place], WORDS[word], NOW + place * MINUTE) for place, word in enumerate(said))
    waiver = None if waived_at is None else Waiver("ada", GROUND, NOW + waived_at)
    owner = None if granted is None else OwnerDecision(granted=granted, at=NOW + MINUTE)
    return Case(NOW, verdicts, waiver, owner, author)


def state(asks: str, it: Case, after: timedelta = HOUR) -> ReleaseState:
    return release_state(Disclosure(Level.HIT, later=Later(Level.ALERT, (), (), terms(asks))), it, NOW + after)


OPEN, THIRD = Settlement.OPEN, Settlement.THIRD
SAME, DIFFERENT, UNSURE = Settlement.SAME_PERSON, Settlement.DIFFERENT_PERSON, Settlement.INCONCLUSIVE


@pytest.mark.parametrize(
    ("asks", "said", "expected"),
    [
        ("", "", OPEN),
        ("", "s", SAME),
        ("", "d", DIFFERENT),
        ("", "i", THIRD),
        ("", "is", SAME),
        ("", "id", DIFFERENT),
        ("", "ii", UNSURE),
        ("reviewers(1)", "s", SAME),
        ("reviewers(1)", "sd", SAME),
        ("reviewers(2)", "s", OPEN),
        ("reviewers(2)", "d", OPEN),
        ("reviewers(2)", "ss", SAME),
        ("reviewers(2)", "dd", DIFFERENT),
        ("reviewers(2)", "ii", THIRD),
        ("reviewers(2)", "sd", THIRD),
        ("reviewers(2)", "ds", THIRD),
        ("reviewers(2)", "si", THIRD),
        ("reviewers(2)", "sds", SAME),
        ("reviewers(2)", "sdd", DIFFERENT),
        ("reviewers(2)", "sdi", UNSURE),
        ("reviewers(2)", "iis", SAME),
        ("reviewers(2)", "ssd", SAME),
        ("reviewers(2)", "sdsd", SAME),
    ],
)
def test_rule_kind_13_what_reviewers_come_to(asks: str, said: str, expected: Settlement) -> None:
    assert settlement(terms(asks), case(said)) is expected
    assert expected.final is (expected in {SAME, DIFFERENT, UNSURE})


@pytest.mark.parametrize(
    ("asks", "said", "expected"),
    [
        ("reviewers(2)", "", ReleaseState.WAITING_FOR_REVIEWERS),
        ("reviewers(2)", "d", ReleaseState.WAITING_FOR_REVIEWERS),
        ("reviewers(2)", "ss", ReleaseState.RELEASED),
        ("reviewers(2)", "dd", ReleaseState.REFUSED),
        ("reviewers(2)", "sd", ReleaseState.WAITING_FOR_THIRD),
        ("reviewers(2)", "sds", ReleaseState.RELEASED),
        ("reviewers(2)", "sis", ReleaseState.RELEASED),
        ("reviewers(2)", "sdd", ReleaseState.REFUSED),
        ("reviewers(2)", "sdi", ReleaseState.REFUSED),
        ("reviewers(2)", "dis", ReleaseState.REFUSED),  # one alone has confirmed
        ("reviewers(2)", "diss", ReleaseState.REFUSED),  # and who comes after the third does not count
        ("reviewers(1)", "i", ReleaseState.WAITING_FOR_THIRD),
        ("reviewers(1)", "is", ReleaseState.RELEASED),
        ("reviewers(1)", "ii", ReleaseState.REFUSED),
        ("reviewers(1)", "sd", ReleaseState.RELEASED),
    ],
)
def test_rule_kind_13_the_third_reviewer_settles_it(asks: str, said: str, expected: ReleaseState) -> None:
    assert state(asks, case(said)) is expected


def test_rule_kind_13_nobody_is_asked_twice_and_the_author_not_at_all() -> None:
    twice = Case(NOW, tuple(Verdict("ada", WORDS[word], NOW + at * MINUTE) for at, word in enumerate("ds")))
    assert settlement(terms("reviewers(2)"), twice) is OPEN
    assert settlement(terms("reviewers(1)"), twice) is DIFFERENT
    assert settlement(terms("reviewers(2)"), case("ss", author="bo")) is OPEN
    assert settlement(terms("reviewers(1)"), case("ds", author="ada")) is SAME


@pytest.mark.parametrize(
    ("said", "waived_at", "needed", "expected"),
    [
        ("", timedelta(), 1, ReleaseState.WAITING_FOR_REVIEWERS),
        ("s", timedelta(), 1, ReleaseState.RELEASED),
        ("d", timedelta(), 1, ReleaseState.REFUSED),
        ("i", timedelta(), 1, ReleaseState.WAITING_FOR_THIRD),
        ("s", 2 * MINUTE, 1, ReleaseState.RELEASED),
        ("sd", MINUTE - timedelta(microseconds=1), 1, ReleaseState.RELEASED),
        ("sd", MINUTE, 2, ReleaseState.WAITING_FOR_THIRD),
        ("sd", 2 * MINUTE, 2, ReleaseState.WAITING_FOR_THIRD),
    ],
)
def test_rule_kind_13_the_second_is_waived_before_there_is_a_second(
    said: str, waived_at: timedelta, needed: int, expected: ReleaseState
) -> None:
    it = case(said, waived_at=waived_at)
    assert reviewers_needed(terms("reviewers(2 waivable)"), it) == needed
    assert state("reviewers(2 waivable)", it) is expected
    assert reviewers_needed(terms("reviewers(2)"), it) == 2


def test_rule_kind_11_late_verdicts_settle_the_review_and_release_nothing() -> None:
    asks = "reviewers(2), confirm-within(1 min)"
    assert settlement(terms(asks), case("ss")) is SAME
    assert state(asks, case("ss")) is ReleaseState.LAPSED
    assert state("reviewers(1), confirm-within(1 min)", case("is")) is ReleaseState.LAPSED
    late_waiver = case("s", waived_at=MINUTE)
    assert state("reviewers(2 waivable), confirm-within(1 min)", late_waiver) is ReleaseState.LAPSED
    assert settlement(terms("reviewers(2 waivable), confirm-within(1 min)"), late_waiver) is SAME
    assert state("reviewers(1), confirm-within(2 min)", case("i"), MINUTE) is ReleaseState.WAITING_FOR_THIRD


@pytest.mark.parametrize(
    ("asks", "said", "expected"),
    [
        ("release-by-owner(2 h)", "", ReleaseState.RELEASED),
        ("release-by-owner(2 h)", "i", ReleaseState.RELEASED),
        ("release-by-owner(2 h)", "d", ReleaseState.REFUSED),
        ("reviewers(1), release-by-owner(2 h)", "", ReleaseState.WAITING_FOR_REVIEWERS),
        ("reviewers(1), release-by-owner(2 h)", "d", ReleaseState.REFUSED),
        ("reviewers(1), release-by-owner(2 h)", "s", ReleaseState.RELEASED),
    ],
)
def test_rule_kind_12_different_person_stops_what_the_owner_has_released(
    asks: str, said: str, expected: ReleaseState
) -> None:
    assert state(asks, case(said, granted=True)) is expected


def test_what_is_released_is_seen_on_the_terms_of_what_had_to_wait() -> None:
    clause = Clause("treaty", 1, "see-all")
    later = Later(Level.BIOGRAPHICS, ("tlp-red",), (clause,), terms("reviewers(1)"), frozenset({Extra.LINKS}))
    waiting = Disclosure(
        Level.HIT, ("tlp-amber",), (), terms("pseudonym"), later, silent=True, action="arrest", priority=2
    )
    assert released(waiting) == Disclosure(
        Level.BIOGRAPHICS,
        ("tlp-red",),
        (clause,),
        terms("reviewers(1)"),
        silent=True,
        action="arrest",
        extras=frozenset({Extra.LINKS}),
        priority=2,
    )
    at_once = Disclosure(Level.HIT, ("tlp-amber",))
    assert released(at_once) is at_once
