"""Where an agreement stands at a moment, and when it ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.watchlists.agreements.conftest import NOW, SEARCH, Load
from watchlists.agreements.calendar import Calendar, Status
from watchlists.agreements.decide import RuleBook

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
FROM, UNTIL = NOW, NOW + 4 * HOUR
TIMES = {"in_force_from": FROM.isoformat(), "in_force_until": UNTIL.isoformat()}
LATER = {"version": "2", "supersedes": '["xa-xb@1"]', "in_force_from": (NOW + HOUR).isoformat()}


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (FROM - INSTANT, Status.FUTURE),
        (FROM, Status.IN_FORCE),
        (UNTIL - INSTANT, Status.IN_FORCE),
        (UNTIL, Status.ENDED),
        (UNTIL + HOUR, Status.ENDED),
    ],
)
def test_an_agreement_is_in_force_from_its_first_moment_to_before_its_last(
    load: Load, at: datetime, status: Status
) -> None:
    agreement = load(SEARCH, **TIMES)
    assert RuleBook([agreement]).status(agreement, at) is status
    assert (agreement in Calendar([agreement]).in_force(Calendar([agreement]).epoch(at))) is (status is Status.IN_FORCE)


@pytest.mark.parametrize(
    ("at", "first", "second"),
    [
        (FROM + HOUR - INSTANT, Status.IN_FORCE, Status.FUTURE),
        (FROM + HOUR, Status.ENDED, Status.IN_FORCE),
        (UNTIL, Status.ENDED, Status.IN_FORCE),
    ],
)
def test_a_successor_ends_what_it_supersedes(load: Load, at: datetime, first: Status, second: Status) -> None:
    old, new = load(SEARCH, "old", **TIMES), load(SEARCH, "new", **LATER)
    book = RuleBook([old, new])
    assert (book.status(old, at), book.status(new, at)) == (first, second)


def test_what_is_superseded_before_it_begins_has_ended(load: Load) -> None:
    old = load(SEARCH, "old", in_force_from=(NOW + 2 * HOUR).isoformat())
    calendar = Calendar([old, load(SEARCH, "new", **LATER)])
    assert [calendar.status(old, at) for at in (NOW, NOW + HOUR, NOW + 2 * HOUR)] == [
        Status.FUTURE,
        Status.ENDED,
        Status.ENDED,
    ]


def test_it_ends_by_its_own_word_or_with_its_successor_whichever_is_first(load: Load) -> None:
    endless, ending, new = load(SEARCH, "a"), load(SEARCH, "b", **TIMES), load(SEARCH, "c", **LATER)
    assert Calendar([endless]).ends_at(endless) is None
    assert Calendar([ending]).ends_at(ending) == UNTIL
    assert Calendar([ending, new]).ends_at(ending) == NOW + HOUR
    assert Calendar([ending, new]).ends_at(new) is None
