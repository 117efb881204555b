"""What a page says and what it keeps to itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.watchlists.feed.simulator import FEED, LOCAL, WANTED, XA, PartnerSimulator
from tests.watchlists.makers import NOW, SUBJECT, faces
from watchlists.agreements.decide import RuleBook
from watchlists.errors import ForeignWatchlist
from watchlists.feed import Arrival, publish
from watchlists.feed.errors import FeedOversize
from watchlists.feed.messages import CHANGES_CAP, PAGE_CAP, START
from watchlists.feed.publish import CONTENT_CAP, Addressee, Composed, Composition, Offer, compose
from watchlists.feed.residency import Leave, leave, node_of
from watchlists.records import Conditions, Entry, EntryKey, Link, LinkKind, Quarantine

HOUR = timedelta(hours=1)


def said(composed: Composed) -> list[str]:
    """The changes of a page: "+A" a put, "-A" a withdrawal."""
    plain = composed.page.plain()["changes"]
    signs = {"put": "+", "withdraw": "-"}
    return [signs[one["kind"]] + one["entry"] for one in plain]


def test_what_stays_at_home_takes_no_number_and_is_listed_for_the_operator_alone(partner: PartnerSimulator) -> None:
    for name, klass in (("H-1", LOCAL), ("A", WANTED), ("H-2", LOCAL), ("B", WANTED), ("H-3", LOCAL)):
        partner.put(name, klass)

    composition = partner.publish()

    page = composition.composed
    assert page is not None
    assert said(page) == ["+A", "+B"]
    assert (page.page.first, page.page.last) == (1, 2)
    assert composition.withheld == ("H-1", "H-2", "H-3")


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(excluded=("xa",)),
        Conditions(hidden_until=NOW + HOUR),
        Conditions(quarantine=Quarantine.LIKE_MANY_ENTRIES),
    ],
)
def test_of_what_is_not_for_the_receiver_it_learns_nothing_not_even_that_there_was_something(
    partner: PartnerSimulator, conditions: Conditions
) -> None:
    for _ in range(2):
        partner.put("H", replace(WANTED, conditions=conditions))
        assert partner.publish() == Composition(None, ("H",), 1)
    partner.withdraw("H")

    assert partner.publish() == Composition(None, (), 1)
    assert partner.head == START


def test_rule_kind_20_an_entry_that_may_no_longer_leave_home_is_withdrawn_where_it_is(
    partner: PartnerSimulator,
) -> None:
    partner.put("A")
    partner.turn_page()
    partner.put("A", LOCAL)
    composition = partner.publish()
    partner.withdraw("A")

    assert composition.composed is not None
    assert said(composition.composed) == ["-A"]
    assert composition.withheld == ("A",)
    assert partner.publish() == Composition(None, (), 1)


def test_several_changes_of_one_entry_on_one_page_leave_the_last_content_only(partner: PartnerSimulator) -> None:
    partner.put("A")
    partner.put("A")
    partner.put("B")
    partner.withdraw("B")
    partner.withdraw("B")

    page = partner.turn_page()

    assert said(page) == ["+A", "+A", "+B", "-B"]
    assert sorted(page.contents) == [2]
    (accepted,) = partner.pull(partner.follower())
    assert [effect.sequence for effect in accepted.effects] == [2, 4]


def test_what_has_expired_is_not_published_and_withdrawn_where_it_is(partner: PartnerSimulator) -> None:
    partner.put("A")
    partner.turn_page()
    for name in ("A", "B"):
        partner.put_entry(Entry(name, WANTED, SUBJECT, expires_at=NOW), faces(1))

    assert said(partner.turn_page()) == ["-A"]


def test_rule_kind_20_the_owners_own_word_comes_before_the_agreement(rules: RuleBook, for_a_day: RuleBook) -> None:
    def may(**conditions: object) -> Leave:
        return leave(for_a_day, node_of(XA), replace(WANTED, conditions=Conditions(**conditions)), NOW)  # type: ignore[arg-type]

    assert may() == Leave(allowed=True, life=24 * HOUR)
    assert not may(excluded=("xa",)).allowed
    assert not may(hidden_until=NOW + HOUR).allowed
    assert may(hidden_until=NOW).allowed
    assert may(exercise=True).allowed
    assert not may(quarantine=Quarantine.LIKE_MANY_ENTRIES).allowed
    assert leave(rules, node_of(XA), WANTED, NOW) == Leave(allowed=True)


def test_pages_end_where_the_caps_are_and_what_does_not_fit_comes_next(
    partner: PartnerSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner.put("A")
    size = sum(map(len, partner.turn_page().contents.values()))
    monkeypatch.setattr(publish, "CONTENT_CAP", 2 * size)
    for name in ("B", "C", "D"):
        partner.put(name)

    assert said(partner.turn_page()) == ["+B", "+C"]
    assert said(partner.turn_page()) == ["+D"]
    assert partner.pull(partner.follower())[-1].page.last == 4
    monkeypatch.setattr(publish, "CONTENT_CAP", size - 1)
    partner.put("E")
    with pytest.raises(FeedOversize):
        partner.turn_page()


def test_the_largest_page_is_below_the_cap_of_the_receiver(partner: PartnerSimulator) -> None:
    for number in range(CHANGES_CAP + 5):
        partner.put_entry(Entry(f"{number:0>64}", WANTED, SUBJECT), faces())
    page = partner.turn_page()
    assert len(page.page.changes) == CHANGES_CAP

    overhead = len(partner.page(1)) - sum(4 * -(-len(one) // 3) for one in page.contents.values())
    assert overhead + 4 * CONTENT_CAP / 3 + 2 * CHANGES_CAP < PAGE_CAP


def test_links_go_only_to_what_may_go_as_well_or_is_the_receivers_own(partner: PartnerSimulator) -> None:
    others = {
        "goes": WANTED,
        "local": LOCAL,
        "excluded": replace(WANTED, conditions=Conditions(excluded=("xa",))),
        "hidden": replace(WANTED, conditions=Conditions(hidden_until=NOW + HOUR)),
        "of-nobody": replace(WANTED, owner="xc", watchlist="xc-alerts"),
        "own": replace(LOCAL, owner="xa", watchlist="xa-alerts"),
    }
    linked = [Entry(name, klass, SUBJECT) for name, klass in others.items()]
    linked.append(Entry("expired", WANTED, SUBJECT, expires_at=NOW))
    to = [*(other.key for other in linked), EntryKey("xb-alerts", "unknown")]
    links = tuple(Link(LinkKind.ASSOCIATED, key) for key in to)
    partner.put_entry(Entry("A", WANTED, SUBJECT, links=links), faces(1), *linked)
    partner.turn_page()

    (page,) = partner.pull(partner.follower())

    (arrival,) = page.effects
    assert isinstance(arrival, Arrival)
    assert [link.to.entry for link in arrival.entry.links] == ["goes", "own"]


def test_an_entry_of_another_list_or_owner_is_not_published(rules: RuleBook) -> None:
    to = Addressee(FEED, node_of(XA), PartnerSimulator(rules).receiving.public_key())
    for klass in (replace(WANTED, owner="xc"), replace(WANTED, watchlist="xb-others")):
        offer = Offer("A", (Entry("A", klass, SUBJECT), faces(1)))
        with pytest.raises(ForeignWatchlist):
            compose(START, [offer], to, rules, (), NOW)


def test_no_name_of_a_person_is_in_a_page(partner: PartnerSimulator) -> None:
    partner.put("A")
    partner.turn_page()

    message = partner.page(1)
    assert SUBJECT.family_name is not None
    assert SUBJECT.family_name.encode() not in message
    assert all(SUBJECT.family_name.encode() not in sealed for sealed in partner.pages[0].contents.values())
