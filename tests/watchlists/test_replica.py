"""Copies of a partner's entries in the store of a real node, fed by a simulated one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import JSON, Column, Connection, Integer, MetaData, Table, select

from tests.watchlists.feed.conftest import COPY, FOR_A_DAY, rule_book
from tests.watchlists.feed.simulator import FEED, LOCAL, WANTED, PartnerSimulator
from tests.watchlists.makers import NOW, SUBJECT, Node, faces
from watchlists.agreements.decide import RuleBook
from watchlists.feed import FeedState, TrustedFeed
from watchlists.feed.errors import FeedForeignOwner
from watchlists.feed.messages import FeedId
from watchlists.records import Entry, EntryKey
from watchlists.replica import apply_page
from watchlists.schema import entries

STATES = Table("test_states", MetaData(), Column("id", Integer, primary_key=True), Column("state", JSON))


class Follower:
    """A node that follows the simulated partner, and keeps its place in a table beside the entries."""

    def __init__(self, node: Node, partner: PartnerSimulator) -> None:
        self.node = node
        self.partner = partner
        STATES.create(node.engine, checkfirst=True)

    def pull(self, rules: RuleBook | None = None) -> None:
        feed = self.feed()
        for page in self.partner.pull(feed, rules):
            apply_page(self.node.store, page, self.remember, self.partner.now)

    def feed(self) -> TrustedFeed:
        return self.partner.follower(self.stored())

    def stored(self) -> FeedState | None:
        with self.node.engine.connect() as connection:
            found = connection.execute(select(STATES.c.state)).scalar_one_or_none()
        return None if found is None else FeedState.model_validate_json(found)

    def remember(self, connection: Connection, state: FeedState) -> None:
        connection.execute(STATES.delete())
        connection.execute(STATES.insert().values(id=1, state=state.model_dump_json()))

    def names(self) -> list[str]:
        with self.node.engine.connect() as connection:
            return list(connection.execute(select(entries.c.id).order_by(entries.c.id)).scalars())

    def expiry(self, name: str) -> datetime | None:
        return self.node.store.entry(EntryKey(FEED.watchlist, name)).entry.expires_at


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    return rule_book(tmp_path_factory.mktemp("rules") / "test", COPY)


@pytest.fixture(scope="module")
def for_a_day(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    return rule_book(tmp_path_factory.mktemp("rules") / "test", FOR_A_DAY)


@pytest.fixture
def follower(node: Node, rules: RuleBook) -> Follower:
    return Follower(node, PartnerSimulator(rules))


def test_copies_arrive_and_depart_with_their_data_keys(follower: Follower) -> None:
    for name in ("A", "B"):
        follower.partner.put(name)
    follower.partner.put("H", LOCAL)
    follower.partner.turn_page()
    follower.pull()
    assert follower.names() == ["A", "B"]
    opened = follower.node.store.entry(EntryKey(FEED.watchlist, "A"))
    assert (opened.entry.subject, opened.templates) == (SUBJECT, faces(1))

    follower.partner.withdraw("A")
    follower.partner.put("B", LOCAL)
    follower.partner.put("CC")
    follower.partner.turn_page()
    follower.pull()

    assert follower.names() == ["CC"]


def test_changes_of_one_entry_on_one_page_take_effect_in_their_order(follower: Follower) -> None:
    follower.partner.put("A")
    follower.partner.turn_page()
    follower.pull()
    follower.partner.withdraw("A")
    follower.partner.put("A", templates=faces(9))
    follower.partner.put("B")
    follower.partner.withdraw("B")
    follower.partner.turn_page()
    follower.pull()

    assert follower.names() == ["A"]
    assert follower.node.store.entry(EntryKey(FEED.watchlist, "A")).templates == faces(9)


def test_a_page_that_cannot_be_stored_whole_is_not_stored_and_comes_again(follower: Follower) -> None:
    follower.partner.put("A")
    follower.partner.turn_page()
    (page,) = follower.partner.pull(follower.feed())
    before = follower.node.store.log.last_sequence()

    def fail(connection: Connection, state: FeedState) -> None:
        follower.remember(connection, state)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        apply_page(follower.node.store, page, fail, NOW)
    assert (follower.names(), follower.stored()) == ([], None)
    assert follower.node.store.log.last_sequence() == before

    follower.pull()
    assert follower.names() == ["A"]
    stored = follower.stored()
    assert stored is not None
    assert stored.position == page.state.position


def test_a_copy_expires_when_the_agreement_says_and_is_not_kept_beyond(follower: Follower, for_a_day: RuleBook) -> None:
    follower.partner.put("A")
    follower.partner.put_entry(Entry("B", WANTED, SUBJECT, expires_at=NOW + timedelta(hours=2)), faces(1))
    follower.partner.turn_page()
    follower.pull(for_a_day)
    assert follower.expiry("A") == NOW + timedelta(days=1)
    assert follower.expiry("B") == NOW + timedelta(hours=2)

    follower.partner.put("A")
    follower.partner.put("B")
    follower.partner.turn_page()
    follower.partner.now = NOW + timedelta(days=1)
    follower.pull(for_a_day)
    assert follower.names() == []


def test_a_feed_of_a_list_that_is_somebody_elses_here_changes_nothing(node: Node, rules: RuleBook) -> None:
    for watchlist in ("xa-alerts", "of-nobody"):
        stolen = FeedId(owner="xb", watchlist=watchlist, receiver="xa")
        follower = Follower(node, PartnerSimulator(rules, stolen))
        follower.partner.put("A", replace(WANTED, watchlist=watchlist))
        follower.partner.turn_page()

        with pytest.raises(FeedForeignOwner):
            follower.pull()
        assert (follower.names(), follower.stored()) == ([], None)


def test_a_gallery_of_this_node_finds_the_copies(follower: Follower) -> None:
    follower.partner.put("A")
    follower.partner.put("BB")
    follower.partner.turn_page()
    gallery = follower.node.gallery()
    follower.pull()

    gallery.catch_up()
    assert gallery.sequence == follower.node.store.log.last_sequence() == 2
    assert gallery.classes() == {WANTED}
