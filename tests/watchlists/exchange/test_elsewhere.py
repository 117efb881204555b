"""What a check cannot have searched here: what stays at its owner's, and what a feed is behind with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.watchlists.exchange.pair import Pair
from tests.watchlists.feed.conftest import rule_book
from tests.watchlists.feed.simulator import FEED, LOCAL, WANTED
from tests.watchlists.makers import NOW
from watchlists.agreements.facts import Request
from watchlists.database import writing
from watchlists.exchange import Elsewhere
from watchlists.feed import FeedId, publish
from watchlists.feed_schema import feed_states
from watchlists.records import Conditions, EntryKey

ON_BOTH_DATABASES = True
HOUR = timedelta(hours=1)
A = EntryKey(FEED.watchlist, "A")


SEE = '@id("see")\npermit (principal, action == Action::"see hit", resource);\n'


def asked(partner: str, purpose: str = "border-check") -> Request:
    return Request(partner, "terminal", purpose, None, "GATE-07")


def test_a_check_knows_which_owner_has_more_at_home_or_is_behind(pair: Pair) -> None:
    elsewhere = Elsewhere(pair.away.node.engine)

    def unsearched(purpose: str = "border-check") -> frozenset[str]:
        return elsewhere.unsearched(asked("xa", purpose), pair.away.rules, pair.clock())

    assert unsearched() == {"xb"}  # nothing was pulled yet
    pair.home.put("A")
    pair.pull()
    assert unsearched() == frozenset()
    assert unsearched("no-such-purpose") == frozenset()

    pair.clock.turn(publish.FRESHNESS)
    assert unsearched() == {"xb"}  # cut off
    pair.pull()
    assert unsearched() == frozenset()
    assert elsewhere.unsearched(asked("xc"), pair.away.rules, pair.clock()) == frozenset()


def test_what_the_rules_let_be_searched_but_not_copied_is_told_by_its_purposes(pair: Pair, tmp_path: Path) -> None:
    elsewhere = Elsewhere(pair.away.node.engine)
    pair.home.rules = rule_book(tmp_path / "seen" / "test", SEE)  # and no permit to copy
    pair.home.put("L", LOCAL)  # of a category that the agreement does not list: nobody may search it
    pair.home.put("H", replace(WANTED, conditions=Conditions(excluded=("xa",))))
    pair.home.put("X", replace(WANTED, conditions=Conditions(exercise=True)))
    pair.pull()
    assert pair.away.subscription.at_home == ()

    pair.home.put("A")
    pair.pull()
    assert "border-check" in pair.away.subscription.at_home
    assert elsewhere.unsearched(asked("xa"), pair.away.rules, NOW) == {"xb"}
    assert pair.home.withheld().keys() == {"A", "H", "L", "X"}

    pair.home.withdraw("A")
    pair.pull()
    assert elsewhere.unsearched(asked("xa"), pair.away.rules, NOW) == frozenset()


def test_purposes_that_other_rules_give_to_what_stays_at_home_are_told_too(pair: Pair, tmp_path: Path) -> None:
    pair.home.rules = rule_book(tmp_path / "seen" / "test", SEE)
    pair.home.put("A")
    pair.pull()
    assert set(pair.away.subscription.at_home) > {"border-check"}
    only = SEE.replace("resource)", 'resource) when { context.purpose == "border-check" }')
    pair.home.rules = rule_book(tmp_path / "narrower" / "test", only)
    pair.pull()
    assert set(pair.away.subscription.at_home) == {"border-check"}


def test_a_feed_whose_state_cannot_be_read_is_behind_and_refused_until_it_is_begun_anew(pair: Pair) -> None:
    elsewhere = Elsewhere(pair.away.node.engine)
    pair.pull()
    assert elsewhere.unsearched(asked("xa"), pair.away.rules, NOW) == frozenset()
    with writing(pair.away.node.engine) as connection:
        connection.execute(update(feed_states).values(state='{"format": 99}'))

    assert elsewhere.unsearched(asked("xa"), pair.away.rules, NOW) == {"xb"}
    assert pair.away.pull(pair.home).refused == "feed-state-unreadable"
    (counted,) = pair.away.subscriptions.refusals()
    assert (counted.reason, counted.times) == ("feed-state-unreadable", 1)

    pair.away.subscribe(pair.home)
    pair.pull()
    assert elsewhere.unsearched(asked("xa"), pair.away.rules, NOW) == frozenset()


def test_what_nobody_foresaw_in_a_page_is_a_refusal_that_is_counted_and_tells_no_value(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    def page(_feed: FeedId, _after: int) -> bytes:
        raise OverflowError("born 1970-01-01")

    pair.home.put("A")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pair.home, "page", page)
        outcome = pair.away.pull(pair.home)

    assert outcome.refused == pair.away.subscription.refused == "feed-internal"
    assert [each.reason for each in pair.away.subscriptions.refusals()] == ["feed-internal"]
    assert "OverflowError" in caplog.text
    assert "1970" not in caplog.text + outcome.detail
    assert pair.pull().pages == 1  # the lease was given back
