"""What an entry carries of its own: conditions that rules read, links and the misused identity that nobody reads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from tests.watchlists.makers import ALERTS, MISSING, NOW, SUBJECT, XA_ALERTS, Node, entry, faces
from watchlists.database import writing
from watchlists.errors import EntryChanged, SealBroken, UnknownEntry
from watchlists.records import (
    NO_CONDITIONS,
    Age,
    ChangeKind,
    Conditions,
    Entry,
    EntryKey,
    Link,
    LinkKind,
    Partner,
    Subject,
    VisibilityClass,
)
from watchlists.schema import entries
from watchlists.store import AgeChange, Details, Outcome, PutResult
from watchlists.store.conditions import UNREADABLE, pack_conditions, unpack_conditions

EVERY_CONDITION = Conditions(
    excluded=("xc", "xd"),
    flagged_by=("xa",),
    hidden_until=NOW + timedelta(days=1, microseconds=1),
    age=Age.MINOR,
    in_child_interest=True,
    gravity=36,
    contested=True,
    exercise=True,
)
SINGLE_CONDITIONS = [
    replace(NO_CONDITIONS, **{name: getattr(EVERY_CONDITION, name)}) for name in pack_conditions(EVERY_CONDITION)
]
KEY = EntryKey("xb-alerts", "e1")
LINKS = (Link(LinkKind.ASSOCIATED, EntryKey("xa-alerts", "Linked-4711")),)
VICTIM = Subject("Featherquill", "Nebuloz", date(1971, 3, 4), "XA", ("PXA0000001",))
CONDITIONED = Entry("e1", replace(ALERTS, conditions=EVERY_CONDITION), SUBJECT, links=LINKS, misused_identity=VICTIM)


def under(conditions: Conditions, name: str = "e1") -> Entry:
    return entry(name, replace(ALERTS, conditions=conditions))


def child(name: str, born: date | None, age: Age) -> Entry:
    """An entry whose subject was put into the band `age` when it was written."""
    return replace(CONDITIONED, id=name, klass=_aged(age), subject=Subject("Young", birth_date=born))


def _aged(age: Age) -> VisibilityClass:
    return replace(ALERTS, conditions=replace(EVERY_CONDITION, age=age))


def put_conditions_behind_the_stores_back(node: Node, stored: object) -> None:
    with writing(node.engine) as connection:
        connection.execute(entries.update().values(conditions=stored))


def age_and_write(node: Node, now: datetime) -> list[AgeChange]:
    due = node.store.entries_to_reage(now)
    with node.store.writing() as write:
        return write.set_ages(due)


def test_an_entry_with_conditions_links_and_misused_identity_reads_back(node: Node) -> None:
    node.store.put_entry(CONDITIONED, faces(1))

    assert node.store.entry(KEY).entry == CONDITIONED
    assert node.store.details(KEY) == Details(SUBJECT, LINKS, VICTIM)
    (opened,) = node.store.open_templates()
    assert (opened.klass, opened.templates) == (CONDITIONED.klass, faces(1))


def test_links_are_those_of_the_version_asked_for(node: Node) -> None:
    first = node.store.put_entry(CONDITIONED, faces(1)).sequence
    second = node.store.put_entry(replace(CONDITIONED, links=()), faces(1)).sequence

    assert node.store.details(KEY, second) == Details(SUBJECT, (), VICTIM)
    with pytest.raises(EntryChanged):
        node.store.details(KEY, first)
    node.store.withdraw_entry(KEY, "xb")
    with pytest.raises(UnknownEntry):
        node.store.details(KEY)


def test_only_conditions_that_are_not_as_by_default_are_stored(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    node.store.put_entry(under(Conditions(gravity=0, excluded=("xd", "xc", "xd")), "e2"), faces(1))

    with node.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, conditions FROM entries")).all()
    assert {row.id: json.loads(row.conditions) for row in rows} == {
        "e1": {},
        "e2": {"excluded": ["xc", "xd"], "gravity": 0},
    }


@pytest.mark.parametrize("conditions", SINGLE_CONDITIONS, ids=lambda it: next(iter(pack_conditions(it))))
class TestOneCondition:
    def test_a_change_of_it_is_a_change_of_the_entry(self, node: Node, conditions: Conditions) -> None:
        node.store.put_entry(entry("e1"), faces(1))

        assert node.store.put_entry(under(conditions), faces(1)) == PutResult(Outcome.REPLACED, 2)
        assert node.store.put_entry(under(conditions), faces(1)) == PutResult(Outcome.UNCHANGED, 2)

    def test_it_cannot_be_taken_away_behind_the_stores_back(self, node: Node, conditions: Conditions) -> None:
        node.store.put_entry(under(conditions), faces(1))
        put_conditions_behind_the_stores_back(node, {})

        with pytest.raises(SealBroken):
            node.store.entry(KEY)

    def test_it_cannot_be_added_behind_the_stores_back(self, node: Node, conditions: Conditions) -> None:
        node.store.put_entry(entry("e1"), faces(1))
        put_conditions_behind_the_stores_back(node, pack_conditions(conditions))

        with pytest.raises(SealBroken):
            node.store.details(KEY)
        assert [opened.templates for opened in node.store.open_templates()] == [None]


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        "exercise",
        {"excluded": 7},
        {"excluded": "xa"},
        {"excluded": ["xd", "xc"]},
        {"exercise": False},
        {"age": "old"},
        {"hidden_until": "tomorrow"},
        {"hidden_until": "2026-11-22T09:30:00"},
        {"hidden_until": 7},
        {"of a later version": True},
    ],
    ids=str,
)
def test_conditions_that_cannot_be_read_leave_the_entry_to_its_owner_and_closed(node: Node, stored: Any) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    put_conditions_behind_the_stores_back(node, stored)

    (opened,) = node.store.open_templates()
    assert opened.klass.conditions == UNREADABLE
    assert opened.templates is None
    with pytest.raises(SealBroken):
        node.store.entry(KEY)


def test_handling_codes_do_not_pass_for_conditions(node: Node) -> None:
    packed = json.dumps(pack_conditions(EVERY_CONDITION), sort_keys=True)
    node.store.put_entry(under(EVERY_CONDITION), faces(1))
    with writing(node.engine) as connection:
        connection.execute(entries.update().values(conditions={}, handling=[packed, *ALERTS.handling]))

    with pytest.raises(SealBroken):
        node.store.entry(KEY)


@given(
    st.builds(
        Conditions,
        excluded=st.lists(st.text(max_size=3), max_size=3).map(tuple),
        hidden_until=st.none() | st.datetimes(timezones=st.just(UTC)),
        age=st.sampled_from(Age),
        gravity=st.none() | st.integers(0, 1000),
        contested=st.booleans(),
    )
)
def test_conditions_survive_as_json(conditions: Conditions) -> None:
    assert unpack_conditions(json.loads(json.dumps(pack_conditions(conditions)))) == conditions


@pytest.mark.parametrize("change", [{"links": ()}, {"misused_identity": None}, {"misused_identity": SUBJECT}], ids=str)
def test_links_and_misused_identity_are_content(node: Node, change: dict[str, Any]) -> None:
    node.store.put_entry(CONDITIONED, faces(1))

    assert node.store.put_entry(replace(CONDITIONED, **change), faces(1)) == PutResult(Outcome.REPLACED, 2)
    assert node.store.put_entry(replace(CONDITIONED, **change), faces(1)) == PutResult(Outcome.UNCHANGED, 2)


def test_nothing_of_links_or_misused_identity_lies_in_the_files_in_clear(node: Node) -> None:
    node.store.put_entry(CONDITIONED, faces(1))

    content = node.files()
    assert b"hidden_until" in content  # the search below could find something
    secrets = [b"Featherquill", b"Nebuloz", b"PXA0000001", b"1971-03-04", b"Linked-4711", b"associated"]
    assert [secret for secret in secrets if secret in content] == []


def test_entries_of_equal_classes_share_one_object(node: Node) -> None:
    names = [f"e{number}" for number in range(20)]
    with node.store.writing() as write:
        write.put_entries((under(EVERY_CONDITION, name), faces(1)) for name in names)

    opened = list(node.store.open_templates())
    assert len(opened) == len(names)
    assert len({id(item.klass) for item in opened}) == 1
    assert len({id(item.klass.conditions) for item in opened}) == 1


def test_the_classes_of_entries_are_read_without_a_key(node: Node) -> None:
    node.store.put_entry(CONDITIONED, faces(1))
    node.store.put_entry(entry("e2", XA_ALERTS), faces(2))
    node.store.put_entry(entry("e3", MISSING, expires_at=NOW), faces(3))
    node.store.put_entry(entry("e4", MISSING, expires_at=NOW + timedelta(seconds=1)), faces(4))
    with writing(node.engine) as connection:
        connection.execute(entries.update().values(wrapped_key=b"", sealed_subject=b"", sealed_templates=b""))

    asked = [KEY, EntryKey("xa-alerts", "e2"), EntryKey("xb-alerts", "e3"), EntryKey("xb-alerts", "e4")]
    assert node.store.classes_of([*asked, EntryKey("xb-alerts", "none"), EntryKey("nowhere", "e1")]) == {
        asked[0]: CONDITIONED.klass,
        asked[1]: XA_ALERTS,
        asked[3]: MISSING,  # e3 has expired
    }
    assert node.store.classes_of([]) == {}


def test_a_birthday_moves_the_entry_into_its_class_and_changes_nothing_else(node: Node) -> None:
    node.store.put_entry(child("e1", date(2008, 11, 23), Age.MINOR), faces(1))
    assert node.store.entries_to_reage(NOW) == []

    grown = AgeChange(KEY, "xb", 1, Age.ADULT)
    assert age_and_write(node, NOW + timedelta(days=1)) == [grown]
    assert node.store.entry(KEY).entry == child("e1", date(2008, 11, 23), Age.ADULT)
    assert node.store.entry(KEY).templates == faces(1)
    assert [(change.sequence, change.kind) for change in node.store.log.after(1)] == [(2, ChangeKind.PUT)]
    assert age_and_write(node, NOW + timedelta(days=1)) == []


def test_each_band_is_left_on_its_birthday(node: Node) -> None:
    born = {"e1": date(2014, 11, 22), "e2": date(2014, 11, 23), "e3": date(2000, 1, 1)}
    for name, birth_date in born.items():
        node.store.put_entry(child(name, birth_date, Age.UNDER_12), faces(1))

    assert {change.key.entry: change.age for change in age_and_write(node, NOW)} == {"e1": Age.MINOR, "e3": Age.ADULT}
    assert node.store.entry(EntryKey("xb-alerts", "e2")).entry.klass == _aged(Age.UNDER_12)


def test_adults_and_those_without_a_date_of_birth_stay_as_they_are(node: Node) -> None:
    node.store.put_entry(child("e1", date(2020, 1, 1), Age.ADULT), faces(1))
    node.store.put_entry(child("e2", date(2020, 1, 1), Age.UNKNOWN), faces(1))
    node.store.put_entry(child("e3", None, Age.MINOR), faces(1))

    assert node.store.entries_to_reage(NOW + timedelta(days=9999)) == []


def test_an_entry_that_was_written_or_withdrawn_meanwhile_is_left(node: Node) -> None:
    for name in ("e1", "e2"):
        node.store.put_entry(child(name, date(2000, 1, 1), Age.MINOR), faces(1))
    due = node.store.entries_to_reage(NOW)
    node.store.put_entry(child("e1", date(2000, 1, 1), Age.MINOR), faces(2))
    node.store.withdraw_entry(EntryKey("xb-alerts", "e2"), "xb")

    with node.store.writing() as write:
        assert write.set_ages(due) == []
    assert [change.key.entry for change in due] == ["e1", "e2"]
    assert node.store.entry(KEY).templates == faces(2)


@pytest.mark.parametrize("column", ["sealed_subject", "sealed_templates"])
def test_a_broken_seal_keeps_no_other_entry_from_growing_up(node: Node, column: str) -> None:
    for name in ("e1", "e2"):
        node.store.put_entry(child(name, date(2000, 1, 1), Age.MINOR), faces(1))
    with writing(node.engine) as connection:
        connection.execute(entries.update().where(entries.c.id == "e1").values({column: b"\x01" + bytes(40)}))

    assert [change.key.entry for change in age_and_write(node, NOW)] == ["e2"]


def test_a_partner_acts_for_the_state_it_names_or_for_that_of_its_own_name(node: Node) -> None:
    store = node.store
    assert store.partner("xa").country == "xa"

    police = Partner("xa-police", "Police of XA", country="xa")
    assert store.add_partner(police) is Outcome.CREATED
    assert store.partner("xa-police") == police
    assert police in store.partners()
    assert store.add_partner(police) is Outcome.UNCHANGED
    moved = replace(police, country="xb")
    assert store.add_partner(moved) is Outcome.REPLACED
    assert store.partner("xa-police") == moved


def test_no_conditions_are_one_object(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    with node.engine.connect() as connection:
        stored = connection.execute(select(entries.c.conditions)).scalar_one()
    assert unpack_conditions(stored) is NO_CONDITIONS
