"""No single bit of any message can be flipped on the way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.watchlists.feed.simulator import LOCAL, PartnerSimulator
from tests.watchlists.makers import NOW
from watchlists.agreements.decide import RuleBook
from watchlists.feed import FeedRefused, TrustedFeed

Scene = tuple[PartnerSimulator, dict[str, bytes]]


@pytest.fixture(scope="module")
def scene(rules: RuleBook) -> Scene:
    partner = PartnerSimulator(rules)
    partner.put("A")
    partner.put("B", LOCAL)
    partner.put("C")
    partner.turn_page()
    partner.rotate(partner.keys)
    return partner, {"root": partner.root_messages[1], "timestamp": partner.timestamp(), "page": partner.page(1)}


def take(partner: PartnerSimulator, feed: TrustedFeed, kind: str, message: bytes) -> None:
    if kind == "root":
        feed.update_root(message)
    elif kind == "timestamp":
        feed.update_timestamp(message, NOW)
    else:
        feed.update_page(message, partner.rules, NOW)


def waiting_for(scene: Scene, kind: str) -> TrustedFeed:
    """A feed that takes the message as it was sent."""
    partner, messages = scene
    feed = partner.follower()
    if kind == "page":
        feed.update_timestamp(messages["timestamp"], NOW)
    return feed


@pytest.mark.parametrize("kind", ["root", "timestamp", "page"])
def test_as_it_was_sent_the_message_is_taken(scene: Scene, kind: str) -> None:
    feed = waiting_for(scene, kind)
    before = feed.state
    take(scene[0], feed, kind, scene[1][kind])
    assert feed.state != before


@pytest.mark.parametrize("kind", ["root", "timestamp", "page"])
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_with_any_bit_flipped_it_is_refused_and_the_state_is_intact(
    scene: Scene, kind: str, data: st.DataObject
) -> None:
    flipped = bytearray(scene[1][kind])
    place = data.draw(st.integers(0, len(flipped) * 8 - 1))
    flipped[place // 8] ^= 1 << place % 8
    feed = waiting_for(scene, kind)
    before = feed.state

    with pytest.raises(FeedRefused):
        take(scene[0], feed, kind, bytes(flipped))
    assert feed.state == before
