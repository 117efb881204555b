"""Several processes on one database, and processes that are killed; and nodes that go back to an older state."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from tests.watchlists.exchange.pair import Away, Home, Pair, copy_of, put_back
from tests.watchlists.feed.simulator import FEED
from tests.watchlists.makers import NOW
from watchlists.exchange import subscriptions
from watchlists.exchange.subscriptions import LEASE
from watchlists.feed import FeedId, publish
from watchlists.records import EntryKey
from watchlists.store import Writing

ON_BOTH_DATABASES = True
HOUR = timedelta(hours=1)
A = EntryKey(FEED.watchlist, "A")


def test_two_processes_that_publish_at_once_make_one_chain(pair: Pair) -> None:
    names = [f"E-{number}" for number in range(40)]
    publishers = [pair.home, Home(pair.home.node.again(), pair.home.rules, pair.clock)]

    def ask(one: Home) -> None:
        for _ in range(25):
            one.timestamp(FEED)

    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(ask, one) for one in publishers]
        for name in names:
            pair.home.put(name)
        for each in asked:
            each.result()
    pair.pull()

    assert pair.away.names() == sorted(names)


def test_two_processes_that_pull_at_once_take_every_page_once(pair: Pair) -> None:
    second = Away(pair.away.node.again(), pair.away.rules, pair.clock)
    for number in range(12):
        pair.home.put(f"E-{number}")
        pair.home.publisher.advance(FEED.watchlist, FEED.receiver, NOW)
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(lambda one: one.pull(pair.home), (pair.away, second)))

    assert [outcome.refused for outcome in outcomes] == [None, None]
    assert sum(outcome.pages for outcome in outcomes) == 12
    assert len(pair.away.names()) == 12


def test_a_feed_that_somebody_pulls_is_left_to_it_for_a_while(pair: Pair) -> None:
    pair.home.put("A")
    second = Away(pair.away.node.again(), pair.away.rules, pair.clock)
    assert second.subscriptions.lease(FEED.watchlist, pair.clock())  # and then its process is killed

    assert pair.away.pull(pair.home).is_busy
    pair.clock.turn(LEASE)
    assert pair.pull().pages == 1


def test_a_pull_that_is_killed_within_a_page_goes_on_as_if_it_had_not_been(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.home.put("A")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pair.away.puller, "_note", die)
        with pytest.raises(KeyboardInterrupt):
            pair.away.pull(pair.home)
    assert pair.away.names() == []
    assert pair.pull().pages == 1
    assert pair.away.names() == ["A"]


def test_a_node_that_went_back_to_an_older_state_catches_up_and_keeps_nothing_that_was_withdrawn(pair: Pair) -> None:
    for name in ("A", "BB"):
        pair.home.put(name)
    pair.pull()
    before = copy_of(pair.away.node)
    pair.home.withdraw("A")
    pair.home.put("CCC")
    pair.pull()

    put_back(pair.away.node, before)
    assert pair.away.names() == ["A", "BB"]
    pair.pull()
    assert pair.away.names() == ["BB", "CCC"]


def test_a_publisher_that_went_back_is_refused_until_people_pin_its_root_again(pair: Pair) -> None:
    pair.home.put("A")
    pair.pull()
    before = copy_of(pair.home.node)
    pair.home.put("BB")
    pair.pull()

    put_back(pair.home.node, before)
    assert pair.away.pull(pair.home).refused == "feed-rollback"
    pair.home.put("CCC")
    pair.clock.turn(publish.FRESHNESS / 3)
    assert pair.away.pull(pair.home).refused in {"feed-fork", "feed-rollback"}
    assert pair.away.names() == ["A", "BB"]
    assert {each.reason for each in pair.away.subscriptions.refusals()} <= {"feed-fork", "feed-rollback"}

    pair.away.subscribe(pair.home)
    pair.pull()
    assert pair.away.names() == ["A", "CCC"]
    assert pair.away.subscription.refused is None


def _kill_after_two(pair: Pair, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill what drops five copies, two at a time, once the first two are gone."""
    monkeypatch.setattr(subscriptions, "_DROPPED", 2)
    seen = iter(range(2))
    dropping = Writing.withdraw_entry

    def withdraw(write: Writing, key: EntryKey, owner: str) -> int | None:
        if next(seen, None) is None:
            raise KeyboardInterrupt
        return dropping(write, key, owner)

    with monkeypatch.context() as patched:
        patched.setattr(Writing, "withdraw_entry", withdraw)
        with pytest.raises(KeyboardInterrupt):
            act()
    assert len(pair.away.names()) == 3


def _five(pair: Pair) -> list[str]:
    names = ["A", "BB", "CCC", "DDDD", "EEEEE"]
    for name in names:
        pair.home.put(name)
    pair.pull()
    assert pair.away.names() == names
    return names


def test_to_begin_anew_and_be_killed_leaves_a_feed_that_is_behind_until_it_is_begun_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = _five(pair)
    _kill_after_two(pair, lambda: pair.away.subscribe(pair.home), monkeypatch)

    assert pair.away.subscription.is_behind(pair.clock())
    outcome = pair.away.pull(pair.home)
    assert (outcome.refused, outcome.pages) == ("feed-beginning", 0)
    assert not pair.away.subscriptions.lease(FEED.watchlist, pair.clock())
    assert pair.away.subscription.is_behind(pair.clock())
    assert pair.away.subscriptions.owner_of(FEED.watchlist) == "xb"  # nobody else writes to it meanwhile

    pair.away.subscribe(pair.home)
    assert pair.away.names() == []
    assert pair.away.subscription.refused is None
    pair.pull()
    assert pair.away.names() == names


def test_to_end_a_feed_and_be_killed_leaves_copies_that_are_dropped_when_it_is_ended_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    _five(pair)
    ended: list[Connection] = []
    _kill_after_two(pair, lambda: pair.away.subscriptions.end(FEED.watchlist, ended.append), monkeypatch)

    assert pair.away.subscription.is_behind(pair.clock())
    assert pair.away.pull(pair.home).refused == "feed-ending"
    assert pair.away.subscriptions.owner_of(FEED.watchlist) == "xb"
    assert ended == []

    pair.away.subscriptions.end(FEED.watchlist, ended.append)
    assert pair.away.names() == []
    assert len(ended) == 1
    assert pair.away.subscriptions.owner_of(FEED.watchlist) is None


def test_a_pull_that_is_under_way_when_its_feed_is_begun_anew_changes_nothing_more(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    _five(pair)
    pair.home.withdraw("A")
    served = pair.home.page

    def page(feed: FeedId, after: int) -> bytes | None:
        pair.home.page = served  # type: ignore[method-assign]
        _kill_after_two(pair, lambda: pair.away.subscribe(pair.home), monkeypatch)
        return served(feed, after)

    pair.home.page = page  # type: ignore[method-assign]
    assert pair.away.pull(pair.home).is_busy
    assert len(pair.away.names()) == 3
    assert pair.away.subscription.refused == "feed-beginning"
