"""The keys of feeds: rotated, held by several people, sealed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from tests.watchlists.exchange.pair import Pair, copy_of
from tests.watchlists.feed.simulator import FEED
from tests.watchlists.makers import NOW
from watchlists.exchange.errors import FeedRootUnusable
from watchlists.exchange.signing_keys import Holders, sign_draft
from watchlists.feed.signing import LocalSigner
from watchlists.feed_schema import feed_contents, feed_signing_keys
from watchlists.records import EntryKey

ON_BOTH_DATABASES = True
HOUR = timedelta(hours=1)
A = EntryKey(FEED.watchlist, "A")


def test_signing_keys_rotate_and_the_old_ones_are_gone(pair: Pair) -> None:
    pair.home.put("A")
    pair.pull()
    with pair.home.node.engine.connect() as connection:
        old = set(connection.execute(select(feed_signing_keys.c.keyid)).scalars())

    draft = pair.home.signing.draft("xb", None, NOW)
    pair.home.signing.publish(draft)
    pair.home.put("BB")
    pair.pull()

    assert pair.away.names() == ["A", "BB"]
    assert pair.away.subscription.state.root.version == 2
    with pair.home.node.engine.connect() as connection:
        assert not old & set(connection.execute(select(feed_signing_keys.c.keyid)).scalars())


def test_a_root_held_by_several_people_takes_effect_when_enough_of_them_have_signed(pair: Pair) -> None:
    people = [LocalSigner(Ed25519PrivateKey.generate()) for _ in range(3)]
    holders = Holders(tuple(one.public for one in people), 2)
    draft = pair.home.signing.draft("xb", holders, NOW)
    with pytest.raises(FeedRootUnusable):
        pair.home.signing.publish(sign_draft(draft, people[0]))
    pair.home.signing.publish(sign_draft(sign_draft(draft, people[0]), people[2]))

    again = pair.home.signing.draft("xb", None, NOW)
    with pytest.raises(FeedRootUnusable):  # the node cannot appoint keys by itself any more
        pair.home.signing.publish(again)
    pair.home.signing.publish(sign_draft(sign_draft(again, people[1]), people[2]))
    pair.home.put("A")
    pair.pull()

    assert pair.away.subscription.state.root.version == 3
    assert pair.away.names() == ["A"]


def test_no_signing_key_receiving_key_or_content_lies_in_clear(pair: Pair) -> None:
    pair.home.put("A")
    pair.pull()
    with pair.away.node.engine.connect() as connection:
        (key,) = pair.away.keys.all(connection, "xa").values()
    assert key.private_bytes_raw() not in str(copy_of(pair.away.node)).encode()
    sealed = copy_of(pair.home.node)[feed_contents][0]["sealed"]
    assert sealed not in (pair.home.page(FEED, 0) or b"")
    assert b"Quillfeather" not in sealed
