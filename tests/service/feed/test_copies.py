"""A node that holds copies: what its checks say of what is not there, and who may write to a copied list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.service.feed.server import TOKEN, FeedServer, serving
from tests.service.node import Node, NodeMaker, entry
from tests.service.test_ledger import events
from tests.service.treaties import permit, sign
from tests.watchlists.feed.conftest import COPY, rule_book
from tests.watchlists.feed.simulator import FEED, PartnerSimulator
from tests.watchlists.makers import finger
from watchlists.records import Templates

SEE = '@id("see")\npermit (principal, action == Action::"see hit", resource);\n'
DAY = timedelta(days=1)


@pytest.fixture
def follower(make_node: NodeMaker) -> Node:
    node = make_node(pull_every=DAY)
    sign(node, permit("search"), permit("see hit"), permit("copy"))
    return node


@pytest.fixture
def served(follower: Node, tmp_path: Path) -> Iterator[FeedServer]:
    partner = PartnerSimulator(rule_book(tmp_path / "rules" / "test", COPY + SEE))
    partner.now = follower.clock().replace(microsecond=0)
    feeds = follower.runtime.feeds
    feeds.receiving.make("xa", partner.now)
    with follower.runtime.store.engine.connect() as connection:
        (partner.receiving,) = feeds.receiving.all(connection, "xa").values()
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(TOKEN)
    with serving(partner) as server:
        feeds.subscribe(FEED, server.url, str(file), partner.root_messages[0])
        yield server


def pull(node: Node) -> None:
    outcome = node.runtime.feeds.pull(node.runtime.feeds.subscriptions.of(FEED.watchlist))
    assert outcome.refused is None, outcome.detail


def complete(node: Node, purpose: str = "border-check") -> bool:
    return bool(node.check("xa", finger_number=9, purpose=purpose)["complete"])


def test_a_copy_is_found_here(follower: Node, served: FeedServer) -> None:
    served.partner.put("E-1", templates=Templates((), (finger(1),)))
    served.partner.turn_page()
    pull(follower)
    follower.runtime.gallery.catch_up()

    assert follower.runtime.gallery.entries == 1
    (applied,) = events(follower, "feed-page-applied")
    assert (applied["arrived"], applied["departed"]) == (["E-1"], [])


def test_a_check_is_complete_only_while_the_feed_is_current_and_nothing_searchable_is_elsewhere(
    follower: Node, served: FeedServer
) -> None:
    assert not complete(follower)  # followed, and nothing pulled yet
    pull(follower)
    assert complete(follower)

    served.timestamp = lambda: served.partner.timestamp(at_home=("border-check",))
    pull(follower)
    assert not complete(follower)
    assert complete(follower, "crime")

    served.be_honest()
    pull(follower)
    assert complete(follower)
    follower.clock.turn(timedelta(minutes=10))  # cut off: no promise of freshness holds
    assert not complete(follower)
    assert complete(follower, "nothing-agreed-on")


def test_rule_kind_31_nobody_but_the_feed_writes_to_a_copied_list(follower: Node, served: FeedServer) -> None:
    path = "/v1/watchlists/xb-alerts"
    body = entry(finger_number=1)
    answers = [
        follower.call("xb-sync", "PUT", f"{path}/entries/E-9", json=body),
        follower.call("xb-sync", "DELETE", f"{path}/entries/E-9"),
        follower.call("xb-sync", "POST", f"{path}/entries:import", content=b"{}"),
        follower.call("xb-sync", "PUT", path, json={"title": "Mine"}),
    ]
    assert [answer.status_code for answer in answers] == [409] * 4
    assert {answer.json()["type"] for answer in answers} == {"urn:crosscheck:problem:feed-followed"}
    # To others the list is as it was: another's.
    assert follower.call("xa-sync", "PUT", f"{path}/entries/E-9", json=body).status_code == 404

    follower.runtime.feeds.unsubscribe("xb-alerts")
    assert follower.call("xb-sync", "PUT", f"{path}/entries/E-9", json=body).status_code == 201
