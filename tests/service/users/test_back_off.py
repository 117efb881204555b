"""Who waits how long: the rules alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.users.back_off import ALLOWANCES, NEVER, Against, Tally, counted, is_told, wait
from tests.watchlists.makers import NOW

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def guesses(against: Against, during: timedelta) -> int:
    """How many guesses somebody gets in who makes each as soon as it may be made."""
    now, tally, made = NOW, None, 0
    while now < NOW + during:
        if not (pause := wait(against, tally, now)):
            tally, made = counted(against, tally, now), made + 1
        now += pause
    return made


@pytest.mark.parametrize(
    ("against", "in_a_day", "in_a_year"),
    [
        (Against.DEVICE, 110, 36_000),
        (Against.USER_FROM_NETWORK, 40, 9_000),
        (Against.NETWORK, 140, 36_000),
        (Against.USER, 150, 36_000),
        (Against.CODE_ON_DEVICE, 17, 380),
        (Against.CODE, 17, 380),
    ],
)
def test_whoever_never_rests_gets_few_guesses(against: Against, in_a_day: int, in_a_year: int) -> None:
    assert guesses(against, DAY) <= in_a_day
    assert guesses(against, 365 * DAY) <= in_a_year


@pytest.mark.parametrize("against", [against for against, its in ALLOWANCES.items() if its.free != NEVER])
def test_the_wait_doubles_from_first_to_most_after_the_free_attempts(against: Against) -> None:
    its = ALLOWANCES[against]
    assert its.wait_after(its.free - 1) == timedelta()
    assert its.wait_after(its.free) == its.first
    assert its.wait_after(its.free + 2) == min(its.most, 4 * its.first)
    assert its.wait_after(10**6) == its.most


def test_a_wait_passes() -> None:
    tally = Tally(5, NOW)
    assert wait(Against.USER_FROM_NETWORK, tally, NOW + 29 * SECOND) == SECOND
    assert wait(Against.USER_FROM_NETWORK, tally, NOW + 30 * SECOND) == timedelta()


def test_a_tally_is_forgotten_after_its_time_and_not_before() -> None:
    tally = Tally(7, NOW)
    assert counted(Against.USER, tally, NOW + DAY - SECOND).failures == 8
    assert counted(Against.USER, tally, NOW + DAY).failures == 1


@pytest.mark.parametrize("against", list(Against))
def test_nothing_is_forgotten_while_it_makes_somebody_wait(against: Against) -> None:
    assert ALLOWANCES[against].most <= ALLOWANCES[against].forgotten_after


def test_nobody_ever_waits_for_all_the_others() -> None:
    assert wait(Against.ANYBODY, Tally(10**6, NOW), NOW) == timedelta()


def test_what_is_told_of_a_million_failures_is_two_dozen() -> None:
    assert [failures for failures in range(1, 40) if is_told(failures)] == [1, 2, 3, 4, 5, 8, 16, 32]
    assert sum(is_told(failures) for failures in range(1, 10**6)) == 22
