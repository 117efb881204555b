"""Rules change: entries that are stored are kept no longer than the new ones say, and their owners are told ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from service.rescheduling import Rescheduling
from service.retention import Retention
from tests.service.node import Node
from tests.service.test_ledger import events
from tests.service.treaties import notices, permit, sign
from watchlists.records import EntryKey
from watchlists.store import DateChange

ON_BOTH_DATABASES = True
DAY = timedelta(days=1)
KEY = EntryKey("xb-alerts", "E-1")


def enter(asks: str, when: str = "true") -> str:
    name = asks.replace("(", "-").replace(")", "").replace(" ", "").replace(",", "-")
    head = 'permit (principal, action == Action::"enter", resource)'
    return f'@id("{name}")\n@obligations("{asks}")\n{head} when {{ {when} }};'


class Archive:
    """XB's entries, each on somebody else, on a node where no agreement says how long they are kept."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.began = node.clock()

    def enrol(self, name: str = "E-1", **after: timedelta) -> None:
        dates = {date: (self.began + ahead).isoformat() for date, ahead in after.items()}
        self.node.enrol("xb", name, finger_number=int(name[-1]), **dates)

    def agree(self, *rules: str, **more: Any) -> None:
        sign(self.node, permit("search"), permit("see hit"), *rules, **more)
        self.node.runtime.keep_house()

    def days(self, name: str = "E-1", date: str = "expires_at") -> int | None:
        """In how many days from the beginning the entry expires; None if never."""
        (found,) = [each for each in self.node.runtime.store.dates.after(None, 9) if each.key.entry == name]
        at: datetime | None = getattr(found, date)
        return None if at is None else round((at - self.began) / DAY)

    def warned(self) -> list[tuple[str, str]]:
        told = notices(self.node, "xb", "expiry-due")
        return [(each["details"]["entry"], each["details"]["expires_at"]) for each in told]


@pytest.fixture
def archive(node: Node) -> Archive:
    return Archive(node)


def test_rule_kind_21_what_is_stored_expires_by_the_rules_of_now(archive: Archive) -> None:
    archive.enrol()
    assert archive.days() is None
    archive.agree(enter("retain-at-most(90 d), review-every(40 d), warn-before(10 d)"))
    assert (archive.days(), archive.days(date="review_at")) == (90, 40)
    assert archive.node.check("xa", finger_number=1, purpose="crime")["outcome"] == "flagged"
    (event,) = events(archive.node, "entries-rescheduled")
    assert event == {"watchlist": "xb-alerts", "entries": ["E-1"]}
    assert archive.warned() == []

    archive.node.clock.turn(81 * DAY)
    for _ in range(2):
        archive.node.runtime.keep_house()
    ((name, at),) = archive.warned()
    assert (name, round((datetime.fromisoformat(at) - archive.began) / DAY)) == ("E-1", 90)
    assert notices(archive.node, "xa", "expiry-due") == []

    archive.node.clock.turn(10 * DAY)
    archive.node.runtime.keep_house()
    assert archive.node.runtime.store.entry_count("xb-alerts") == 0


def test_rule_kind_21_dates_only_come_nearer(archive: Archive) -> None:
    archive.enrol("E-1", expires_at=20 * DAY)
    archive.enrol("E-2", expires_at=200 * DAY)
    archive.agree(enter("retain-at-most(90 d)"))
    assert (archive.days("E-1"), archive.days("E-2")) == (20, 90)
    archive.agree(enter("retain-at-most(150 d)"), version="2")
    assert (archive.days("E-1"), archive.days("E-2")) == (20, 90)


def test_rule_kind_21_what_has_been_kept_too_long_goes_at_once_and_its_owner_is_told(archive: Archive) -> None:
    archive.enrol()
    archive.node.clock.turn(50 * DAY)
    archive.node.runtime.keep_house()
    archive.agree(enter("retain-at-most(30 d)"))
    assert archive.node.runtime.store.entry_count("xb-alerts") == 0
    assert [name for name, _ in archive.warned()] == ["E-1"]
    assert events(archive.node, "entries-expired") == [{"watchlist": "xb-alerts", "entries": ["E-1"]}]


def test_rule_kind_21_of_several_authorities_the_mildest_terms_count(archive: Archive) -> None:
    """An entry does not say which authority of its owner has written it."""
    archive.enrol()
    strict, mild = (
        enter("retain-at-most(30 d)", 'principal.authority == "police"'),
        enter("retain-at-most(60 d)", 'principal.authority != "police"'),
    )
    archive.agree(strict, authorities='["police", "customs"]')
    assert archive.days() is None
    archive.agree(strict, mild, authorities='["police", "customs"]', version="2")
    assert archive.days() == 60


def test_rule_kind_21_other_partners_rules_and_other_categories_change_nothing(archive: Archive) -> None:
    archive.enrol()
    of_others = enter("retain-at-most(30 d)", 'resource.category == "missing-person"')
    archive.agree(of_others)
    sign(archive.node, enter("retain-at-most(20 d)"), name="elsewhere", parties=("xa", "xc"))
    archive.node.runtime.keep_house()
    assert archive.days() is None
    assert events(archive.node, "entries-rescheduled") == []


def test_rule_kind_21_an_agreement_that_begins_meanwhile_or_came_while_the_service_was_down_counts(
    archive: Archive,
) -> None:
    archive.enrol()
    begins = archive.began + 5 * DAY
    archive.node.stop()
    sign(archive.node, enter("retain-at-most(90 d)"), in_force_from=begins.isoformat())
    archive.node.start()
    archive.node.runtime.keep_house()
    assert archive.days() is None
    archive.node.clock.set(begins)
    archive.node.runtime.keep_house()
    assert archive.days() == 90


def test_rule_kind_21_all_entries_are_reckoned_page_by_page_but_for_copies(archive: Archive) -> None:
    for number in range(1, 5):
        archive.enrol(f"E-{number}")
    sign(archive.node, enter("retain-at-most(90 d)"))
    runtime = archive.node.runtime
    of_copies = Rescheduling(runtime.store, runtime.gallery, lambda: runtime.rules.current, lambda: {"xb-alerts"})
    assert of_copies.look(archive.node.clock()) == 0
    by_page = Rescheduling(runtime.store, runtime.gallery, lambda: runtime.rules.current, lambda: (), page=3)
    assert [by_page.look(archive.node.clock()) for _ in range(4)] == [3, 1, 0, 0]
    assert {archive.days(f"E-{number}") for number in range(1, 5)} == {90}


def test_rule_kind_21_an_entry_that_its_owner_writes_meanwhile_is_left_to_it(archive: Archive) -> None:
    archive.enrol(expires_at=50 * DAY)
    (found,) = archive.node.runtime.store.dates.after(None, 9)
    archive.enrol(expires_at=40 * DAY)
    with archive.node.runtime.store.writing() as write:
        soon = DateChange(KEY, "xb", found.sequence, None, archive.began + 30 * DAY)
        assert write.set_dates([soon]) == []
    assert archive.days() == 40


@pytest.mark.parametrize(("copies", "entries"), [("xb-alerts", []), ("xa-alerts", ["E-1"])])
def test_rule_kind_21_of_copies_their_owners_are_told_at_home(
    archive: Archive, copies: str, entries: list[str]
) -> None:
    archive.enrol(expires_at=90 * DAY)
    runtime = archive.node.runtime
    rules, warning = (lambda: runtime.rules.current), timedelta(days=100)  # the node's own: 30
    retention = Retention(runtime.store, runtime.gallery, runtime.notices, rules, lambda: {copies}, warning)
    assert retention.look(archive.began).reminded == len(entries)
    assert [name for name, _ in archive.warned()] == entries
