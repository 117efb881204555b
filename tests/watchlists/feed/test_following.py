"""A receiver that follows an honest feed: what arrives, where it goes on, and what a change of keys asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.hubs import _AVERAGE_FACE
from tests.watchlists.feed.simulator import LOCAL, WANTED, Keys, PartnerSimulator, signer, signers
from tests.watchlists.makers import NOW, SUBJECT, face, faces, finger
from watchlists.agreements.decide import RuleBook
from watchlists.feed import AcceptedPage, Arrival, Departure, FeedState, TrustedFeed
from watchlists.feed.errors import FeedBadSignature, FeedContentMissing, FeedExpired, FeedTooFewSignatures
from watchlists.records import (
    Age,
    Conditions,
    Entry,
    EntryKey,
    FaceTemplate,
    Link,
    LinkKind,
    Quarantine,
    Subject,
    Templates,
    VisibilityClass,
)

HOUR = timedelta(hours=1)


def names(pages: Sequence[AcceptedPage]) -> list[str]:
    """What happened, as "+entry" and "-entry"."""
    effects = [effect for page in pages for effect in page.effects]
    return [f"+{one.entry.id}" if isinstance(one, Arrival) else f"-{one.entry}" for one in effects]


def three_pages(partner: PartnerSimulator) -> PartnerSimulator:
    for names_of_page in (("A", "B"), ("C",), ("D", "E")):
        for name in names_of_page:
            partner.put(name)
        partner.turn_page()
    return partner


def test_everything_of_an_entry_arrives(partner: PartnerSimulator) -> None:
    conditions = Conditions(("xz",), ("xy",), NOW - HOUR, Age.MINOR, in_child_interest=True, gravity=36, contested=True)
    whole = Entry(
        "E-1",
        replace(WANTED, handling=("eyes-only", "no-print"), conditions=conditions),
        SUBJECT,
        NOW + HOUR,
        NOW + 2 * HOUR + timedelta(microseconds=7),
        (Link(LinkKind.ASSOCIATED, EntryKey("xc-list", "E-9")),),
        Subject(family_name="Oakapple"),
    )
    templates = Templates((face(1), face(2)), (finger(1),))
    partner.put_entry(whole, templates, Entry("E-9", VisibilityClass("xa", "xc-list", "local", "none"), Subject()))
    partner.turn_page()

    (page,) = partner.pull(partner.follower())

    assert page.effects == (Arrival(1, whole, templates),)


def test_withdrawals_arrive_and_nothing_of_what_stays_at_home(partner: PartnerSimulator) -> None:
    partner.put("A")
    partner.put("H-1", LOCAL)
    partner.turn_page()
    partner.put("H-2", LOCAL)
    partner.withdraw("H-1")
    partner.publish()
    partner.withdraw("A")
    partner.turn_page()
    feed = partner.follower()

    pages = partner.pull(feed)

    assert [page.effects for page in pages[1:]] == [(Departure(2, "A"),)]
    assert feed.state.position.sequence == 2
    assert feed.is_current
    assert all(b"H-1" not in partner.page(number) for number in (1, 2))


def test_who_is_like_everybody_arrives_in_quarantine(partner: PartnerSimulator) -> None:
    hub = FaceTemplate("dlib-sface-1", _AVERAGE_FACE / np.linalg.norm(_AVERAGE_FACE))
    shorter = FaceTemplate("dlib-sface-1", np.ones(1, np.float32))
    for name, vector in (("A", hub), ("B", shorter)):
        partner.put(name, templates=Templates((face(1), vector)))
    partner.turn_page()

    (page,) = partner.pull(partner.follower())

    reasons = [one.entry.klass.conditions.quarantine for one in page.effects if isinstance(one, Arrival)]
    assert reasons == [Quarantine.FACE_LIKE_EVERYBODY, None]


@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_after_any_page_a_receiver_goes_on_from_what_it_stored(partner: PartnerSimulator, taken: int) -> None:
    three_pages(partner)
    feed = partner.follower()
    feed.update_timestamp(partner.timestamp(), NOW)
    before = [feed.update_page(partner.page(number), partner.rules, NOW) for number in range(1, taken + 1)]
    stored = feed.state.model_dump_json()

    again = partner.follower(FeedState.model_validate_json(stored))
    after = partner.pull(again)

    assert names([*before, *after]) == ["+A", "+B", "+C", "+D", "+E"]
    assert again.is_current


def test_a_page_whose_effect_could_not_be_stored_is_taken_again_from_the_stored_state(
    partner: PartnerSimulator,
) -> None:
    three_pages(partner)
    feed = partner.follower()
    feed.update_timestamp(partner.timestamp(), NOW)
    stored = feed.state
    lost = feed.update_page(partner.page(1), partner.rules, NOW)

    again = partner.follower(stored).update_page(partner.page(1), partner.rules, NOW)

    assert again == lost


def test_the_same_timestamp_twice_brings_nothing_new_and_an_empty_feed_is_current(partner: PartnerSimulator) -> None:
    feed = partner.follower()
    message = partner.timestamp()

    assert not feed.is_current
    assert feed.update_timestamp(message, NOW)
    assert not feed.update_timestamp(message, NOW)
    assert feed.is_current


def test_a_copy_lives_until_the_earliest_of_expiry_agreement_of_the_publisher_and_own_agreement(
    rules: RuleBook, for_a_day: RuleBook
) -> None:
    day = timedelta(days=1)

    def expiry(publisher: RuleBook, receiver: RuleBook, expires_in: timedelta | None) -> timedelta | None:
        partner = PartnerSimulator(publisher)
        expires_at = None if expires_in is None else NOW + expires_in
        partner.put_entry(Entry("A", WANTED, SUBJECT, expires_at=expires_at), Templates((face(1),)))
        partner.turn_page()
        partner.now = NOW + HOUR  # pulled later than published: the life of a copy counts from its publication
        (page,) = partner.pull(partner.follower(), receiver)
        (arrival,) = page.effects
        assert isinstance(arrival, Arrival)
        return None if arrival.entry.expires_at is None else arrival.entry.expires_at - NOW

    assert expiry(rules, rules, None) is None
    assert expiry(rules, rules, 2 * HOUR) == 2 * HOUR
    assert expiry(for_a_day, rules, None) == day
    assert expiry(rules, for_a_day, None) == day
    assert expiry(for_a_day, for_a_day, 2 * day) == day
    assert expiry(for_a_day, for_a_day, 2 * HOUR) == 2 * HOUR


def test_contents_of_replaced_and_withdrawn_entries_are_gone_and_a_newcomer_still_ends_at_the_same(
    partner: PartnerSimulator,
) -> None:
    three_pages(partner)
    early = partner.follower()
    partner.pull(early)
    partner.put("A")
    partner.withdraw("C")
    partner.turn_page()
    late = partner.follower()

    assert [sorted(page.contents) for page in partner.pages] == [[2], [], [4, 5], [6]]
    assert names(partner.pull(early)) == ["+A", "-C"]
    assert names(partner.pull(late)) == ["+B", "+D", "+E", "+A", "-C"]
    assert late.state.position == early.state.position


def test_a_content_that_is_left_out_for_good_is_missed_at_the_head_until_the_entry_comes_again(
    partner: PartnerSimulator,
) -> None:
    three_pages(partner)
    partner.pages[0] = replace(partner.pages[0], contents={1: partner.pages[0].contents[1]})
    feed = partner.follower()

    with pytest.raises(FeedContentMissing):
        partner.pull(feed)
    assert (feed.state.position.page, feed.state.owed) == (2, ("B",))

    partner.put("B")
    partner.turn_page()
    assert names(partner.pull(feed)) == ["+D", "+E", "+B"]
    assert feed.state.owed == ()


ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["put", "keep home", "withdraw"]), st.sampled_from("ABCD")),
        st.sampled_from([("turn", ""), ("pull", ""), ("restart", "")]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(acts=ACTS)
@example(acts=[("put", "B"), ("keep home", "B"), ("put", "B"), ("turn", ""), ("keep home", "B")])
def test_whatever_happens_in_whatever_order_the_receiver_ends_with_what_it_may_have(
    rules: RuleBook, acts: list[tuple[str, str]]
) -> None:
    partner = PartnerSimulator(rules)
    theirs: dict[str, int] = {}
    here: dict[str, int] = {}
    feed = partner.follower()
    for version, (act, name) in enumerate([*acts, ("put", "E"), ("turn", ""), ("pull", "")], start=1):
        if act == "put":
            partner.put(name, templates=faces(version))
            theirs[name] = version
        elif act == "keep home":
            partner.put(name, LOCAL)
            theirs.pop(name, None)
        elif act == "withdraw":
            partner.withdraw(name)
            theirs.pop(name, None)
        elif act == "turn" and partner.has_offers:
            partner.publish()
        elif act == "restart":
            feed = partner.follower(feed.state)
        elif act == "pull":
            apply(partner.pull(feed), here)
    assert here == theirs


def apply(pages: Sequence[AcceptedPage], here: dict[str, int]) -> None:
    """Keep, for each entry, the number of the person whose face came last."""
    people = {face(person): person for person in range(1, 30)}
    for effect in (effect for page in pages for effect in page.effects):
        if isinstance(effect, Departure):
            here.pop(effect.entry, None)
        else:
            here[effect.entry.id] = people[effect.templates.faces[0]]


# Keys


def test_keys_rotate_root_by_root_while_a_threshold_of_the_old_root_signs(partner: PartnerSimulator) -> None:
    three_pages(partner)
    feed = partner.follower()
    partner.pull(feed)
    old = partner.keys
    partner.rotate(replace(old, root=(*old.root[:1], *signers(2)), page=signers(1)), [*old.root[:2]])
    with pytest.raises(FeedTooFewSignatures):  # old enough, but of its own three keys one alone
        partner.pull(feed)
    del partner.roots[-1], partner.root_messages[-1]
    partner.keys = old

    new = replace(old, root=(*old.root[:1], *signers(2)), page=signers(1))
    partner.rotate(new, [*old.root[:2], new.root[1]])
    partner.rotate(Keys(root_threshold=3))
    partner.put("F")
    partner.turn_page()

    assert names(partner.pull(feed)) == ["+F"]
    assert feed.state.root.version == 3
    assert names(partner.pull(partner.follower())) == ["+A", "+B", "+C", "+D", "+E", "+F"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_new_root_without_a_threshold_of_the_old_one_is_refused(partner: PartnerSimulator, count: int) -> None:
    feed = partner.follower()
    before = feed.state
    old, new = partner.keys, Keys()
    partner.rotate(new, [*old.root[:count], *new.root])

    with pytest.raises(FeedTooFewSignatures):
        feed.update_root(partner.root_messages[-1])
    assert feed.state == before


def test_a_role_may_ask_for_several_keys_and_one_signature_is_then_too_few(partner: PartnerSimulator) -> None:
    partner.rotate(replace(partner.keys, page=signers(3), page_threshold=2))
    partner.put("A")
    partner.turn_page()
    feed = partner.follower()
    feed.update_root(partner.root_messages[-1])
    feed.update_timestamp(partner.timestamp(), NOW)
    everybody = partner.keys
    partner.keys = replace(everybody, page=everybody.page[:1])
    with pytest.raises(FeedTooFewSignatures):
        feed.update_page(partner.page(1), partner.rules, NOW)

    partner.keys = replace(everybody, page=everybody.page[1:])
    assert names([feed.update_page(partner.page(1), partner.rules, NOW)]) == ["+A"]


def test_a_key_that_was_rotated_away_signs_no_more(partner: PartnerSimulator) -> None:
    three_pages(partner)
    feed = partner.follower()
    feed.update_timestamp(partner.timestamp(), NOW)
    by_old_keys = partner.page(1)
    partner.rotate(replace(partner.keys, page=signers(1)))
    feed.update_root(partner.root_messages[-1])

    with pytest.raises(FeedBadSignature):
        feed.update_page(by_old_keys, partner.rules, NOW)
    assert names([feed.update_page(partner.page(1), partner.rules, NOW)]) == ["+A", "+B"]


def test_an_expired_root_leads_to_the_next_one_and_to_nothing_else(partner: PartnerSimulator) -> None:
    three_pages(partner)
    feed = partner.follower()
    partner.now = partner.roots[0].expires
    with pytest.raises(FeedExpired):
        feed.update_timestamp(partner.timestamp(), partner.now)

    partner.rotate(partner.keys)
    assert names(partner.pull(feed)) == ["+A", "+B", "+C", "+D", "+E"]


def test_a_stolen_timestamp_key_cannot_block_the_feed_beyond_its_rotation(partner: PartnerSimulator) -> None:
    three_pages(partner)
    feed = partner.follower()
    partner.pull(feed)
    feed.update_timestamp(partner.timestamp(version=2**53 - 1), NOW)
    partner.put("F")
    partner.turn_page()

    partner.rotate(replace(partner.keys, timestamp=(signer(),)))

    assert names(partner.pull(feed)) == ["+F"]


def test_what_was_sealed_to_an_older_key_of_the_receiver_opens_while_it_keeps_that_key(
    partner: PartnerSimulator,
) -> None:
    partner.put("A")
    partner.turn_page()
    older, partner.receiving = partner.receiving, X25519PrivateKey.generate()
    partner.put("B")
    partner.turn_page()
    feed = TrustedFeed(partner.feed, partner.follower().state, partner.receiver(older))

    assert names(partner.pull(feed)) == ["+A", "+B"]
