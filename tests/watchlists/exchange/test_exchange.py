"""A feed from the store of one node to that of another: what is published, re-offered, destroyed and taken over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import func, select

from tests.watchlists.exchange.pair import Away, Pair
from tests.watchlists.feed.conftest import COPY, rule_book
from tests.watchlists.feed.simulator import FEED, LOCAL, WANTED, changed
from tests.watchlists.makers import NOW, SUBJECT, faces
from watchlists.agreements.decide import RuleBook
from watchlists.database import writing
from watchlists.errors import UnknownWatchlist
from watchlists.exchange import offers
from watchlists.exchange.errors import FeedFollowed, FeedKeysMissing
from watchlists.feed import FeedId, publish
from watchlists.feed.content import receiving_key_id
from watchlists.feed_schema import feed_contents, feed_heads, feed_pages, feed_receiving_keys
from watchlists.records import Conditions, Entry, EntryKey, Link, LinkKind, Partner, Watchlist
from watchlists.schema import entries

ON_BOTH_DATABASES = True
HOUR = timedelta(hours=1)
A = EntryKey(FEED.watchlist, "A")


def contents(pair: Pair) -> list[str]:
    """The entries whose sealed contents the publisher still has."""
    with pair.home.node.engine.connect() as connection:
        return list(connection.execute(select(feed_contents.c.entry).order_by(feed_contents.c.entry)).scalars())


def pages(pair: Pair) -> int:
    with pair.home.node.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(feed_pages)).scalar_one()


def test_writes_and_withdrawals_reach_the_other_node_and_what_stays_at_home_is_listed(pair: Pair) -> None:
    pair.home.put("A")
    pair.home.put("BB")
    pair.home.put("H", LOCAL)
    pair.pull()
    assert pair.away.names() == ["A", "BB"]
    assert pair.away.templates("BB") == faces(2)
    assert pair.home.withheld() == {"H": "rules"}

    pair.home.put("A", templates=faces(9))
    pair.home.withdraw("BB")
    pair.home.withdraw("H")
    pair.pull()

    assert pair.away.names() == ["A"]
    assert pair.away.templates("A") == faces(9)
    assert pair.home.withheld() == {}
    assert pair.away.subscription.is_current
    (published,) = pair.home.publisher.published()
    assert (published.held, published.withheld, published.waiting) == (1, 0, 0)


def test_what_was_there_before_the_feed_goes_with_its_first_pages(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "LOOKED_AT", 3)
    names = [f"E-{number:02}" for number in range(10)]
    for name in names:
        pair.home.put(name)
    pair.home.put("H", LOCAL)
    with writing(pair.home.node.engine) as connection:  # as if the feed had been allowed only now
        connection.execute(feed_heads.update().values(followed=11))

    pair.pull()

    assert pair.away.names() == names
    assert pair.home.withheld() == {"H": "rules"}
    assert pages(pair) >= 3


def test_without_news_nothing_is_published_and_the_promise_is_the_same_for_a_while(pair: Pair) -> None:
    pair.home.put("A")
    pair.pull()
    first = pair.home.timestamp(FEED)
    assert pair.home.timestamp(FEED) == first
    pair.clock.turn(publish.FRESHNESS / 3)

    assert pair.home.timestamp(FEED) != first
    assert pair.pull().pages == 0
    assert pages(pair) == 1


def test_the_content_of_an_entry_is_destroyed_in_the_transaction_of_its_withdrawal_or_replacement(pair: Pair) -> None:
    for name in ("A", "B", "C"):
        pair.home.put(name)
    pair.home.publisher.advance(FEED.watchlist, FEED.receiver, NOW)
    assert contents(pair) == ["A", "B", "C"]

    pair.home.withdraw("A")
    pair.home.put("B", templates=faces(7))
    assert contents(pair) == ["C"]

    pair.pull()
    assert pair.away.names() == ["B", "C"]
    assert pair.away.templates("B") == faces(7)


def test_an_entry_that_is_withdrawn_between_timestamp_and_page_is_no_reason_for_an_alarm(pair: Pair) -> None:
    for name in ("A", "B"):
        pair.home.put(name)
    served, was_there = pair.home.page, ["A"]

    def page(feed: FeedId, after: int) -> bytes | None:
        while was_there:
            pair.home.withdraw(was_there.pop())
        return served(feed, after)

    pair.home.page = page  # type: ignore[method-assign]
    pair.pull()

    assert pair.away.names() == ["B"]


def test_rule_kind_20_when_agreements_change_copies_are_called_back_and_may_go_again(
    pair: Pair, at_home: RuleBook
) -> None:
    together = pair.home.rules
    for name in ("A", "B"):
        pair.home.put(name)
    pair.pull()

    pair.home.rules = at_home
    pair.pull()
    assert pair.away.names() == []
    assert pair.home.withheld() == {"A": "rules", "B": "rules"}
    assert contents(pair) == []

    pair.home.rules = together
    pair.pull()
    assert pair.away.names() == ["A", "B"]
    assert pair.home.withheld() == {}


def test_rule_kind_20_copies_that_live_for_a_day_are_published_again_before_it_is_over(
    pair: Pair, for_a_day: RuleBook
) -> None:
    pair.home.rules = pair.away.rules = for_a_day
    pair.home.put("A")
    pair.pull()
    expiry = pair.away.store.entry(A).entry.expires_at
    assert expiry == NOW + 24 * HOUR

    for _ in range(11):
        pair.clock.turn(HOUR)
        assert pair.pull().pages == 0
    pair.clock.turn(HOUR)
    pair.pull()

    assert pair.away.store.entry(A).entry.expires_at == NOW + 36 * HOUR


def test_a_copy_whose_agreement_ends_is_not_published_over_and_over_towards_its_end(pair: Pair, tmp_path: Path) -> None:
    rules = rule_book(tmp_path / "ending" / "test", COPY, in_force_until="2026-11-24T09:30:00Z")
    pair.home.rules = pair.away.rules = rules
    pair.home.put("A")
    pair.pull()
    assert pair.away.store.entry(A).entry.expires_at == NOW + 48 * HOUR

    pair.clock.turn(30 * HOUR)
    assert pair.pull().pages == 0


def test_what_its_owner_hides_for_a_while_goes_when_that_is_over(pair: Pair) -> None:
    pair.home.put("A", replace(WANTED, conditions=Conditions(hidden_until=NOW + HOUR)))
    pair.pull()
    assert (pair.away.names(), pair.home.withheld()) == ([], {"A": "rules"})

    pair.clock.turn(HOUR)
    pair.pull()
    assert (pair.away.names(), pair.home.withheld()) == (["A"], {})


def test_of_what_the_receiver_may_never_have_it_learns_neither_that_it_is_written_nor_when(pair: Pair) -> None:
    pair.home.put("A")
    pair.pull()
    before = pair.home.timestamp(FEED)
    hidden = replace(WANTED, conditions=Conditions(excluded=("xa",)))

    for person in (2, 3):
        pair.home.put("X", hidden, templates=faces(person))
        assert pair.home.timestamp(FEED) == before
        assert pair.home.withheld() == {"X": "rules"}
    (published,) = pair.home.publisher.published()
    assert (published.withheld, published.waiting, published.at_home) == (1, 0, ())
    pair.home.withdraw("X")

    assert pair.home.timestamp(FEED) == before
    assert pair.home.withheld() == {}
    assert (pages(pair), pair.pull().pages) == (1, 0)


def test_links_go_to_what_the_receiver_may_have_and_to_more_of_it_after_a_sweep(pair: Pair) -> None:
    links = tuple(Link(LinkKind.ASSOCIATED, EntryKey(FEED.watchlist, name)) for name in ("B", "H"))
    pair.home.store.put_entry(Entry("A", WANTED, SUBJECT, links=links), faces(1))
    pair.home.put("B")
    pair.home.put("H", LOCAL)
    pair.pull()
    assert pair.away.store.entry(A).entry.links == links[:1]

    pair.home.put("H", templates=faces(4))
    pair.pull()
    assert pair.away.store.entry(A).entry.links == links[:1]
    pair.home.store.add_partner(Partner("xa", "XA", "xy"))
    pair.pull()
    assert pair.away.store.entry(A).entry.links == links


def test_another_receiving_key_makes_everything_go_again_so_that_the_older_one_is_not_needed(pair: Pair) -> None:
    pair.home.put("A")
    pair.pull()
    key = pair.away.keys.make("xa", NOW + HOUR)
    assert not pair.home.allow(key)
    with writing(pair.away.node.engine) as connection:  # as on a node that has lost everything but its new key
        older = feed_receiving_keys.c.key_id != receiving_key_id(X25519PublicKey.from_public_bytes(key))
        connection.execute(feed_receiving_keys.delete().where(older))
    pair.away.subscribe(pair.home)
    assert pair.away.names() == []

    pair.pull()
    assert pair.away.names() == ["A"]


def test_an_entry_larger_than_a_page_stays_at_home_and_holds_nobody_up(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "CONTENT_CAP", 2000)
    pair.home.put("A", templates=faces(*range(50)))
    pair.home.put("B")
    pair.pull()

    assert pair.away.names() == ["B"]
    assert pair.home.withheld() == {"A": "oversize"}


def test_an_entry_that_does_not_open_stays_as_it_is_where_it_went_and_is_listed(pair: Pair) -> None:
    pair.home.put("A")
    pair.home.put("B")
    pair.pull()
    pair.home.put("A", templates=faces(5))
    with writing(pair.home.node.engine) as connection:
        connection.execute(entries.update().where(entries.c.id == "A").values(sealed_templates=b"\x01" * 40))
    pair.pull()

    assert pair.home.withheld() == {"A": "unreadable"}
    assert pair.away.templates("A") == faces(1)


def test_a_feed_of_another_or_of_nobody_is_unknown_to_who_asks(pair: Pair) -> None:
    for watchlist, receiver in ((FEED.watchlist, "xb"), (FEED.watchlist, "xc"), ("xa-alerts", "xa"), ("no-list", "xa")):
        with pytest.raises(UnknownWatchlist) as told:
            pair.home.publisher.timestamp(watchlist, receiver, NOW)
        assert str(told.value) == "the caller's partner has no watchlist of that name"


def test_one_list_has_one_home(pair: Pair) -> None:
    with pytest.raises(FeedKeysMissing):
        pair.away.store_publisher().allow("xa-alerts", "xb", bytes(32), lambda _connection: None)
    pair.away.begin_publishing("xb")
    with pytest.raises(FeedFollowed):
        pair.away.store_publisher().allow(FEED.watchlist, "xa", b"\x09" * 32, lambda _connection: None)
    with pytest.raises(FeedFollowed):
        Away(pair.home.node, pair.home.rules, pair.clock).subscribe(pair.home)


def test_a_list_that_is_written_here_is_not_given_up_for_a_feed(pair: Pair) -> None:
    other = changed(FEED, watchlist="xb-more")
    klass = replace(WANTED, watchlist="xb-more")
    pair.away.store.put_watchlist(Watchlist("xb-more", "xb", "Written here"))
    pair.away.subscribe(pair.home, other)  # nothing in it: nothing to lose
    pair.away.subscriptions.end("xb-more", lambda _connection: None)

    pair.away.store.put_entry(Entry("Z", klass, SUBJECT), faces(3))
    title = pair.away.store.watchlists("xb")
    with pytest.raises(FeedFollowed):
        pair.away.subscribe(pair.home, other)

    assert pair.away.store.entry(EntryKey("xb-more", "Z")).templates == faces(3)
    assert pair.away.store.watchlists("xb") == title
    assert pair.away.subscriptions.owner_of("xb-more") is None
