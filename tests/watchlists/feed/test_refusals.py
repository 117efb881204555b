"""Every refusal, each by its name, with the old state intact and the honest feed still followed afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.watchlists.feed.simulator import (
    FEED,
    PartnerSimulator,
    changed,
    resigned,
    signer,
)
from tests.watchlists.makers import NOW
from watchlists.agreements.decide import RuleBook
from watchlists.feed import FeedRefused, TrustedFeed, pin
from watchlists.feed.checks import LONGEST_FRESHNESS, SKEW
from watchlists.feed.errors import (
    FeedBadSignature,
    FeedClockSkew,
    FeedContentAltered,
    FeedContentUnreadable,
    FeedExpired,
    FeedForeignOwner,
    FeedFork,
    FeedGap,
    FeedMalformed,
    FeedNotAllowed,
    FeedOversize,
    FeedReplay,
    FeedRollback,
    FeedTooFewSignatures,
    FeedUnannounced,
    FeedWrongReceiver,
)
from watchlists.feed.messages import NOTHING, PAGE_CAP, ROOT_CAP, START, TIMESTAMP_CAP, FeedId, Position, Withdraw
from watchlists.feed.signing import canonical

SECOND = timedelta(seconds=1)
OTHER_DIGEST = "ab" * 32

Bad = Callable[[PartnerSimulator], bytes]


@pytest.fixture
def followed(partner: PartnerSimulator) -> tuple[PartnerSimulator, TrustedFeed]:
    """Five pages, of which two were taken over, under a timestamp for four; and a second root to come."""
    for name in ("A", "B", "C", "D", "E"):
        partner.put(name)
        partner.turn_page()
    fifth = partner.pages.pop()
    feed = partner.follower()
    feed.update_timestamp(partner.timestamp(), NOW)
    for number in (1, 2):
        feed.update_page(partner.page(number), partner.rules, NOW)
    partner.pages.append(fifth)
    partner.rotate(partner.keys)
    feed.update_root(partner.root_messages[-1])
    partner.rotate(partner.keys)
    return partner, feed


def refuses(feed: TrustedFeed, reason: type[FeedRefused], update: Callable[[], object]) -> None:
    before = feed.state
    with pytest.raises(FeedRefused) as refusal:
        update()
    assert type(refusal.value) is reason
    assert feed.state == before


def goes_on(partner: PartnerSimulator, feed: TrustedFeed) -> None:
    partner.pull(feed)
    assert feed.is_current


def edited(message: bytes, edit: Callable[[Any], object]) -> bytes:
    """The message with something changed after it was signed."""
    found = json.loads(message)
    edit(found)
    return canonical(found)


# Roots

BAD_ROOTS: dict[str, tuple[type[FeedRefused], Bad]] = {
    "older": (FeedRollback, lambda partner: partner.root_messages[0]),
    "the same again": (FeedReplay, lambda partner: partner.root_messages[1]),
    "another of the same number": (
        FeedFork,
        lambda partner: resigned(changed(partner.roots[1], expires=NOW), partner.keys.root),
    ),
    "one left out": (FeedGap, lambda partner: resigned(changed(partner.roots[2], version=4), partner.keys.root)),
    "of another owner": (
        FeedForeignOwner,
        lambda partner: resigned(changed(partner.roots[2], owner="xc"), partner.keys.root),
    ),
    "signed once": (FeedTooFewSignatures, lambda partner: resigned(partner.roots[2], partner.keys.root[:1])),
    "not signed": (FeedTooFewSignatures, lambda partner: resigned(partner.roots[2], [])),
    "signed by strangers too": (
        FeedBadSignature,
        lambda partner: resigned(partner.roots[2], (*partner.keys.root, signer())),
    ),
    "signed by the keys of pages": (FeedBadSignature, lambda partner: resigned(partner.roots[2], partner.keys.page)),
    "changed after signing": (
        FeedBadSignature,
        lambda partner: edited(partner.root_messages[2], lambda found: found["signed"].update(version=4)),
    ),
    "with a threshold that cannot be met": (
        FeedMalformed,
        lambda partner: edited(
            partner.root_messages[2], lambda found: found["signed"]["roles"]["root"].update(threshold=9)
        ),
    ),
    "with a key under another key's id": (
        FeedMalformed,
        lambda partner: edited(
            partner.root_messages[2],
            lambda found: found["signed"]["keys"].update(dict.fromkeys(found["signed"]["keys"], "00" * 32)),
        ),
    ),
    "too large": (FeedOversize, lambda partner: partner.root_messages[2] + b" " * ROOT_CAP),
    "empty": (FeedMalformed, lambda _: b""),
}


@pytest.mark.parametrize("kind", BAD_ROOTS)
def test_a_bad_root_is_refused(followed: tuple[PartnerSimulator, TrustedFeed], kind: str) -> None:
    partner, feed = followed
    reason, bad = BAD_ROOTS[kind]
    message = bad(partner)

    refuses(feed, reason, lambda: feed.update_root(message))
    goes_on(partner, feed)


def test_only_a_root_that_signs_itself_and_is_of_the_owner_can_be_pinned(partner: PartnerSimulator) -> None:
    with pytest.raises(FeedTooFewSignatures):
        pin(resigned(partner.roots[0], partner.keys.root[:1]), FEED.owner)
    with pytest.raises(FeedForeignOwner):
        pin(partner.root_messages[0], "xc")


# Timestamps


def _head(partner: PartnerSimulator, **other: Any) -> Position:
    return changed(partner.head, **other)


BAD_TIMESTAMPS: dict[str, tuple[type[FeedRefused], Bad]] = {
    "expired": (FeedExpired, lambda partner: partner.timestamp(expires=NOW)),
    "promised for years, long ago": (
        FeedExpired,
        lambda partner: partner.timestamp(issued=NOW - LONGEST_FRESHNESS, expires=NOW + 999 * LONGEST_FRESHNESS),
    ),
    "of the future": (FeedClockSkew, lambda partner: partner.timestamp(issued=NOW + SKEW + SECOND)),
    "another of the same number": (FeedFork, lambda partner: partner.timestamp(version=1)),
    "of a head that was passed": (
        FeedRollback,
        lambda partner: partner.timestamp(head=partner.pages[0].page.position()),
    ),
    "of a head below the one that was promised": (
        FeedRollback,
        lambda partner: partner.timestamp(head=partner.pages[2].page.position()),
    ),
    "of an empty feed": (FeedRollback, lambda partner: partner.timestamp(head=START)),
    "of another page of the same number": (
        FeedFork,
        lambda partner: partner.timestamp(head=changed(partner.pages[3].page.position(), digest=OTHER_DIGEST)),
    ),
    "of more pages without more changes": (
        FeedFork,
        lambda partner: partner.timestamp(head=_head(partner, sequence=4)),
    ),
    "of more pages with fewer changes": (
        FeedRollback,
        lambda partner: partner.timestamp(head=_head(partner, sequence=3)),
    ),
    "of another owner": (
        FeedForeignOwner,
        lambda partner: partner.timestamp(feed=changed(FEED, owner="xc")),
    ),
    "of another watchlist": (
        FeedForeignOwner,
        lambda partner: partner.timestamp(feed=changed(FEED, watchlist="xb-others")),
    ),
    "for somebody else": (
        FeedWrongReceiver,
        lambda partner: partner.timestamp(feed=changed(FEED, receiver="xc")),
    ),
    "signed by a stranger": (FeedBadSignature, lambda partner: _by(partner, timestamp=(signer(),)).timestamp()),
    "signed by the key of pages": (
        FeedBadSignature,
        lambda partner: _by(partner, timestamp=partner.keys.page).timestamp(),
    ),
    "not signed": (FeedTooFewSignatures, lambda partner: _by(partner, timestamp=()).timestamp()),
    "changed after signing": (
        FeedBadSignature,
        lambda partner: edited(partner.timestamp(), lambda found: found["signed"].update(version=99)),
    ),
    "a page": (FeedMalformed, lambda partner: partner.page(3)),
    "with a field that nobody knows": (
        FeedMalformed,
        lambda partner: edited(partner.timestamp(), lambda found: found.update(more=1)),
    ),
    "with a field left out": (
        FeedMalformed,
        lambda partner: edited(partner.timestamp(), lambda found: found["signed"].pop("role")),
    ),
    "with spaces": (FeedMalformed, lambda partner: partner.timestamp().replace(b":", b": ", 1)),
    "with a field twice": (
        FeedMalformed,
        lambda partner: partner.timestamp().replace(b'"signatures":', b'"signatures":[],"signatures":', 1),
    ),
    "with a fraction": (FeedMalformed, lambda partner: partner.timestamp().replace(b'"version":2', b'"version":2.0')),
    "signed twice by one key": (
        FeedMalformed,
        lambda partner: edited(
            partner.timestamp(), lambda found: found["signatures"].append(dict(found["signatures"][0]))
        ),
    ),
    "nested beyond measure": (FeedMalformed, lambda _: b"[" * TIMESTAMP_CAP),
    "too large": (FeedOversize, lambda partner: partner.timestamp() + b" " * TIMESTAMP_CAP),
}


def _by(partner: PartnerSimulator, **keys: Any) -> PartnerSimulator:
    """The same node with somebody else's keys; what it signs afterwards is theirs."""
    impostor = PartnerSimulator(partner.rules)
    impostor.pages, impostor.version, impostor.receiving = partner.pages, partner.version, partner.receiving
    impostor.keys = replace(partner.keys, **keys)
    return impostor


@pytest.mark.parametrize("kind", BAD_TIMESTAMPS)
def test_a_bad_timestamp_is_refused(followed: tuple[PartnerSimulator, TrustedFeed], kind: str) -> None:
    partner, feed = followed
    reason, bad = BAD_TIMESTAMPS[kind]
    message = bad(partner)

    refuses(feed, reason, lambda: feed.update_timestamp(message, NOW))
    goes_on(partner, feed)


def test_an_older_timestamp_that_is_still_good_is_refused(partner: PartnerSimulator) -> None:
    feed = partner.follower()
    older, newer = partner.timestamp(), partner.timestamp()
    feed.update_timestamp(newer, NOW)

    refuses(feed, FeedRollback, lambda: feed.update_timestamp(older, NOW))


def test_a_timestamp_within_the_skew_of_clocks_is_believed(partner: PartnerSimulator) -> None:
    assert partner.follower().update_timestamp(partner.timestamp(issued=NOW + SKEW), NOW)


# Pages


def _third(**other: Any) -> Bad:
    return lambda partner: partner.page(3, **other)


def _moved(partner: PartnerSimulator) -> bytes:
    """The third page with the sealed content of the fourth, and its digest."""
    (content,) = partner.pages[3].contents.values()
    (put,) = partner.pages[2].page.puts()
    digest = partner.pages[3].page.puts()[0].digest
    page = changed(partner.pages[2].page, changes=(changed(put, digest=digest),))
    return partner.signed(page, {3: content})


BAD_PAGES: dict[str, tuple[type[FeedRefused], Bad]] = {
    "taken over before": (FeedReplay, lambda partner: partner.page(2)),
    "taken over long before": (FeedReplay, lambda partner: partner.page(1)),
    "another of the same number": (FeedFork, lambda partner: partner.page(2, published=NOW - SECOND)),
    "one left out": (FeedGap, lambda partner: partner.page(4)),
    "after another page than was taken over": (FeedFork, _third(previous=OTHER_DIGEST)),
    "after nothing": (FeedFork, _third(previous=NOTHING)),
    "changes left out before it": (FeedGap, _third(first=4, last=4)),
    "changes left out in it": (FeedGap, _third(last=4)),
    "changes numbered as on another page": (
        FeedGap,
        lambda partner: partner.page(3, changes=partner.pages[3].page.changes),
    ),
    "changes that were taken over": (FeedRollback, _third(first=2)),
    "of the future": (FeedClockSkew, _third(published=NOW + SKEW + SECOND)),
    "of another owner": (FeedForeignOwner, _third(feed=changed(FEED, owner="xc"))),
    "of another watchlist": (FeedForeignOwner, _third(feed=changed(FEED, watchlist="xa-alerts"))),
    "for somebody else": (FeedWrongReceiver, _third(feed=changed(FEED, receiver="xc"))),
    "sealed to a key that is not here": (FeedWrongReceiver, _third(sealed_to=OTHER_DIGEST)),
    "signed by a stranger": (FeedBadSignature, lambda partner: _by(partner, page=(signer(),)).page(3)),
    "signed by the key of timestamps": (
        FeedBadSignature,
        lambda partner: _by(partner, page=partner.keys.timestamp).page(3),
    ),
    "not signed": (FeedTooFewSignatures, lambda partner: _by(partner, page=()).page(3)),
    "changed after signing": (
        FeedBadSignature,
        lambda partner: edited(partner.page(3), lambda found: found["signed"]["page"].update(last=9)),
    ),
    "with a content left out after signing": (
        FeedBadSignature,
        lambda partner: edited(
            partner.page(3), lambda found: (found["contents"].clear(), found["signed"]["left_out"].append(3))
        ),
    ),
    "with too few contents": (
        FeedMalformed,
        lambda partner: edited(partner.page(3), lambda found: found["contents"].clear()),
    ),
    "with too many contents": (
        FeedMalformed,
        lambda partner: edited(partner.page(3), lambda found: found["contents"].append("")),
    ),
    "with another content": (
        FeedContentAltered,
        lambda partner: edited(partner.page(3), lambda found: found.update(contents=["AAAA"])),
    ),
    "with a content that is not base64": (
        FeedMalformed,
        lambda partner: edited(partner.page(3), lambda found: found.update(contents=["*"])),
    ),
    "with loose bits in base64": (
        FeedMalformed,
        lambda partner: edited(partner.page(3), lambda found: found.update(contents=["AB=="])),
    ),
    "with the content of another entry": (FeedContentUnreadable, _moved),
    "without changes": (FeedMalformed, _third(changes=())),
    "too large": (FeedOversize, lambda partner: partner.page(3) + b" " * PAGE_CAP),
    "not text": (FeedMalformed, lambda _: b"\xff\xfe"),
}


@pytest.mark.parametrize("kind", BAD_PAGES)
def test_a_bad_page_is_refused(followed: tuple[PartnerSimulator, TrustedFeed], kind: str) -> None:
    partner, feed = followed
    reason, bad = BAD_PAGES[kind]
    message = bad(partner)

    refuses(feed, reason, lambda: feed.update_page(message, partner.rules, NOW))
    goes_on(partner, feed)


def test_a_page_beyond_the_head_is_refused_until_it_is_announced(
    followed: tuple[PartnerSimulator, TrustedFeed],
) -> None:
    partner, feed = followed
    for number in (3, 4):
        feed.update_page(partner.page(number), partner.rules, NOW)

    refuses(feed, FeedUnannounced, lambda: feed.update_page(partner.page(5), partner.rules, NOW))
    goes_on(partner, feed)


def test_another_page_than_the_announced_one_is_a_fork_at_the_head(
    followed: tuple[PartnerSimulator, TrustedFeed],
) -> None:
    partner, feed = followed
    feed.update_page(partner.page(3), partner.rules, NOW)
    known = partner.pages[3].page
    longer = (*known.changes, *(Withdraw(sequence=known.last + more, entry="A") for more in range(1, 8)))

    fork = partner.page(4, published=NOW - SECOND)
    refuses(feed, FeedFork, lambda: feed.update_page(fork, partner.rules, NOW))
    beyond = partner.page(4, last=11, changes=longer)
    refuses(feed, FeedUnannounced, lambda: feed.update_page(beyond, partner.rules, NOW))
    goes_on(partner, feed)


def test_no_page_is_taken_without_a_timestamp_or_once_it_has_expired(
    followed: tuple[PartnerSimulator, TrustedFeed],
) -> None:
    partner, feed = followed
    new = partner.follower()
    refuses(new, FeedExpired, lambda: new.update_page(partner.page(1), partner.rules, NOW))

    late = feed.fresh_until
    assert late is not None
    refuses(feed, FeedExpired, lambda: feed.update_page(partner.page(3), partner.rules, late))
    feed.update_page(partner.page(3), partner.rules, late - SECOND)


def test_no_page_is_taken_under_an_expired_root(followed: tuple[PartnerSimulator, TrustedFeed]) -> None:
    partner, feed = followed
    late = NOW + timedelta(minutes=1)
    feed.update_root(resigned(changed(partner.roots[2], expires=late), partner.keys.root))

    refuses(feed, FeedExpired, lambda: feed.update_page(partner.page(3), partner.rules, late))
    feed.update_page(partner.page(3), partner.rules, late - SECOND)


def test_an_entry_that_the_receivers_own_agreements_keep_out_refuses_its_page(
    followed: tuple[PartnerSimulator, TrustedFeed], at_home: RuleBook
) -> None:
    partner, feed = followed

    refuses(feed, FeedNotAllowed, lambda: feed.update_page(partner.page(3), at_home, NOW))
    goes_on(partner, feed)


def test_once_the_publisher_has_withdrawn_such_entries_the_feed_goes_on_without_them(
    followed: tuple[PartnerSimulator, TrustedFeed], at_home: RuleBook
) -> None:
    partner, feed = followed
    for name in ("C", "D", "E"):
        partner.withdraw(name)
    partner.turn_page()

    pages = partner.pull(feed, at_home)

    assert sum(len(page.effects) for page in pages) == 3
    assert feed.is_current


def test_a_page_of_one_receiver_says_nothing_to_another(partner: PartnerSimulator) -> None:
    partner.put("A")
    partner.turn_page()
    feed = partner.follower()
    feed.update_timestamp(partner.timestamp(), NOW)
    stranger = replace(partner.receiver(), keys={})
    thief = replace(partner.receiver(), keys=dict.fromkeys(partner.receiver().keys, X25519PrivateKey.generate()))

    without_key = TrustedFeed(FEED, feed.state, stranger)
    refuses(without_key, FeedWrongReceiver, lambda: without_key.update_page(partner.page(1), partner.rules, NOW))
    wrong_key = TrustedFeed(FEED, feed.state, thief)
    refuses(wrong_key, FeedContentUnreadable, lambda: wrong_key.update_page(partner.page(1), partner.rules, NOW))


def test_a_node_follows_no_feed_that_is_for_another_partner(partner: PartnerSimulator) -> None:
    with pytest.raises(FeedWrongReceiver):
        TrustedFeed(changed(FEED, receiver="xc"), partner.follower().state, partner.receiver())


def test_a_publisher_cannot_speak_for_a_list_of_another_owner(rules: RuleBook) -> None:
    """The keys of "xb", under the name of a list that is "xc"'s; the receiver follows "xc"."""
    mine = FeedId(owner="xc", watchlist="xc-alerts", receiver="xa")
    honest, foreign = PartnerSimulator(rules, mine), PartnerSimulator(rules)
    feed = honest.follower()

    refuses(feed, FeedBadSignature, lambda: feed.update_timestamp(foreign.timestamp(feed=mine), NOW))
    with pytest.raises(FeedForeignOwner):
        TrustedFeed(mine, pin(foreign.root_messages[0], "xb"), honest.receiver())


def test_a_restored_backup_of_a_publisher_is_seen_as_what_it_is(partner: PartnerSimulator) -> None:
    for name in ("A", "B"):
        partner.put(name)
        partner.turn_page()
    feed = partner.follower()
    partner.pull(feed)
    del partner.pages[1]
    refuses(feed, FeedRollback, lambda: feed.update_timestamp(partner.timestamp(), NOW))

    partner.put("C")
    partner.turn_page()
    refuses(feed, FeedFork, lambda: feed.update_timestamp(partner.timestamp(), NOW))


def test_no_refusal_quotes_what_was_sent(followed: tuple[PartnerSimulator, TrustedFeed]) -> None:
    partner, feed = followed
    message = edited(partner.page(3), lambda found: found.update(Quillfeather="Zebulon"))

    with pytest.raises(FeedMalformed) as refusal:
        feed.update_page(message, partner.rules, NOW)
    assert "Quill" not in f"{refusal.value!r} {refusal.value.__cause__!r}"
