"""What a check cannot have searched here: what stays at its owner's, and what a feed is behind with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.watchlists.exchange.pair import Pair
from tests.watchlists.feed.conftest import rule_book
from tests.watchlists.feed.simulator import FEED, LOCAL, WANTED
from tests.watchlists.makers import NOW
from watchlists.agreements.facts import Request
from watchlists.exchange import Elsewhere
from watchlists.feed import publish
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
