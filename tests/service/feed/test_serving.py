"""A node that publishes: who may ask for what over HTTP, and what a follower makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from httpx2 import Response

from service.identity import Caller, TokenRegister
from service.roles import Role
from tests.service.node import Node
from tests.service.scene import add_third_partner
from tests.service.test_ledger import events
from tests.service.treaties import permit, sign
from watchlists.exchange.signing_keys import to_pin
from watchlists.feed import Arrival, FeedId, Receiver, TrustedFeed, pin
from watchlists.feed.content import receiving_key_id
from watchlists.feed.residency import node_of
from watchlists.store import Store

LIST = "/v1/watchlists/xb-alerts/changes"
FEED = FeedId(owner="xb", watchlist="xb-alerts", receiver="xa")


class Publishing:
    """The node of "xb", with a token for "xa", and the keys of "xa"."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key = X25519PrivateKey.generate()
        feeds = node.runtime.feeds
        feeds.publish_root(feeds.signing.draft("xb", None, node.clock()))
        feeds.allow("xb-alerts", "xa", self.key.public_key().public_bytes_raw())

    def get(self, path: str = "", who: str = "xa-sync", **query: Any) -> Response:
        return self.node.call(who, "GET", LIST + path, params=query)

    def follower(self) -> TrustedFeed:
        root = self.node.runtime.feeds.signing.root("xb")
        assert root is not None
        store: Store = self.node.runtime.store
        keys = {receiving_key_id(self.key.public_key()): self.key}
        return TrustedFeed(FEED, pin(to_pin(root), "xb"), Receiver(node_of(store.partner("xa")), keys))


@pytest.fixture
def publishing(node: Node) -> Publishing:
    sign(node, permit("search"), permit("see hit"), permit("copy"))
    return Publishing(node)


def test_a_follower_believes_what_it_is_served_and_finds_the_entries(publishing: Publishing) -> None:
    node, feed = publishing.node, publishing.follower()
    node.enrol("xb", "E-1", finger_number=1)
    node.enrol("xb", "E-2", finger_number=2)

    feed.update_timestamp(publishing.get("/timestamp").content, node.clock())
    arrived = []
    while not feed.is_current:
        message = publishing.get(after=feed.state.position.page).content
        page = feed.update_page(message, node.runtime.rules.current, node.clock())
        arrived += [effect.entry.id for effect in page.effects if isinstance(effect, Arrival)]

    assert arrived == ["E-1", "E-2"]
    assert publishing.get(after=feed.state.position.page).status_code == 204
    assert publishing.get("/roots/1").content == node.runtime.feeds.signing.root("xb")
    assert publishing.get("/roots/2").status_code == 204


def test_what_is_not_published_to_a_partner_is_as_unknown_as_what_is_not_there(publishing: Publishing) -> None:
    add_third_partner(publishing.node)
    for path in ("", "/timestamp", "/roots/1"):
        none = publishing.node.call("xa-sync", "GET", f"/v1/watchlists/no-such-list/changes{path}")
        others = [publishing.get(path, who) for who in ("xb-sync", "xc-sync")]
        assert none.status_code == 404
        assert {answer.content for answer in others} == {none.content}
        for who in ("xa-terminal", "xa-reviewer", "xa-operator", "xa-auditor"):
            assert publishing.get(path, who).status_code == 403


def test_a_token_that_is_revoked_pulls_no_more(publishing: Publishing) -> None:
    node = publishing.node
    register = TokenRegister(node.runtime.store.engine)
    node.access.tokens["xa-node"] = register.issue(Caller("xa", Role.SYNC, "xa-node"), node.clock())
    assert publishing.get("/timestamp", "xa-node").status_code == 200
    register.revoke("xa-node", node.clock())
    assert publishing.get("/timestamp", "xa-node").status_code == 401


def test_what_stays_at_home_is_counted_for_the_operator(publishing: Publishing) -> None:
    publishing.node.enrol("xb", "E-1", finger_number=1, excluded=["xa"])
    publishing.get("/timestamp")
    metrics = publishing.node.call("xa-operator", "GET", "/metrics").text

    assert 'crosscheck_feed_withheld{owner="xb",receiver="xa",watchlist="xb-alerts"} 1.0' in metrics
    assert "crosscheck_feed_root_seconds" in metrics


def test_housekeeping_publishes_though_nobody_asks(publishing: Publishing) -> None:
    publishing.node.enrol("xb", "E-1", finger_number=1)
    publishing.node.runtime.keep_house()
    assert publishing.get(after=0).status_code == 200


def test_the_operators_deeds_are_on_record(publishing: Publishing) -> None:
    (root,) = events(publishing.node, "feed-root-published")
    assert root == {"version": 1, "threshold": 1, "holders": 1}
    (allowed,) = events(publishing.node, "feed-allowed")
    assert (allowed["watchlist"], allowed["receiver"]) == ("xb-alerts", "xa")
