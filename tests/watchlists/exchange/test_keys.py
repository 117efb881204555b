"""The keys of feeds: rotated, held by several people, sealed."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from tests.watchlists.exchange.pair import Pair, copy_of
from tests.watchlists.feed.simulator import FEED
from tests.watchlists.makers import NOW, Node
from watchlists.database import writing
from watchlists.errors import SealBroken
from watchlists.exchange.errors import FeedRootUnusable
from watchlists.exchange.signing_keys import Holders, sign_draft
from watchlists.feed.signing import LocalSigner
from watchlists.feed_schema import feed_contents, feed_signing_keys
from watchlists.records import EntryKey
from watchlists.rotation import OwnerKeyRotation

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
    assert pair.away.state.root.version == 2
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

    assert pair.away.state.root.version == 3
    assert pair.away.names() == ["A"]


def test_no_signing_key_receiving_key_or_content_lies_in_clear(pair: Pair) -> None:
    pair.home.put("A")
    pair.pull()
    with pair.away.node.engine.connect() as connection:
        secrets = [key.private_bytes_raw() for key in pair.away.keys.all(connection, "xa").values()]
    with pair.home.node.engine.connect() as connection:
        root = pair.home.signing.current(connection, "xb")
        for role in (root.roles.root, root.roles.timestamp, root.roles.page):
            (signer,) = pair.home.signing.signers(connection, "xb", role)
            assert isinstance(signer, LocalSigner)
            secrets.append(signer._key.private_bytes_raw())
    served = json.loads(pair.home.page(FEED, 0) or b"{}")
    secrets += [b64decode(content) for content in served["contents"]]  # what the receiving key opens

    assert len(secrets) == 5
    kept = [*stored(pair.home.node), *stored(pair.away.node)]
    assert [secret for secret in secrets if any(secret in value for value in kept)] == []


def stored(node: Node) -> list[bytes]:
    """Every value of bytes in a database."""
    rows = [row for rows in copy_of(node).values() for row in rows]
    return [value for row in rows for value in row.values() if isinstance(value, bytes)]


def test_when_owners_keys_are_rotated_feeds_go_on_and_an_old_backup_no_longer_opens_their_contents(pair: Pair) -> None:
    pair.home.put("A")
    pair.home.publisher.advance(FEED.watchlist, FEED.receiver, NOW)
    before = copy_of(pair.home.node)[feed_contents]
    for node, owner in ((pair.home.node, "xb"), (pair.away.node, "xa"), (pair.away.node, "xb")):
        OwnerKeyRotation(node.engine, node.store.keys, owner).run()

    pair.home.put("BB")
    pair.pull()
    assert pair.away.names() == ["A", "BB"]

    with writing(pair.home.node.engine) as connection:
        connection.execute(feed_contents.delete())
        connection.execute(feed_contents.insert(), before)
    with pytest.raises(SealBroken):
        pair.home.page(FEED, 0)
