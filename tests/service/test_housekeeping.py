"""What is done without anybody asking: agreements that change are followed, whole or not at all; children grow up."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.audit import EventKind
from service.schema import quota_uses, wipes_due
from tests.service.node import Node
from tests.service.recorded import recorded
from watchlists.database import writing
from watchlists.records import Age, EntryKey
from watchlists.schema import owner_keys

WANTED = 1
TURNS_12, TURNS_18 = "2018-06-16", "2012-06-16"  # on the day after that of `eve`
RULES = Path("agreements") / "xa-xb" / "rules.cedar"


@pytest.fixture
def wanted(node: Node) -> Node:
    node.enrol("xb", "E-1", finger_number=WANTED)
    assert node.check("xa", finger_number=WANTED)["outcome"] == "flagged"
    return node


def test_a_clause_that_is_struck_out_no_longer_counts(wanted: Node) -> None:
    rules = wanted.home / RULES
    rules.write_text(rules.read_text().replace('context.purpose == "border-check"', 'context.purpose == "asylum"'))
    wanted.runtime.keep_house()
    assert wanted.check("xa", finger_number=WANTED)["outcome"] == "no-candidates"


def test_a_broken_agreement_leaves_those_in_use(wanted: Node, caplog: pytest.LogCaptureFixture) -> None:
    (wanted.home / RULES).write_text("permit (everything)")
    wanted.runtime.keep_house()
    assert wanted.check("xa", finger_number=WANTED)["outcome"] == "flagged"
    assert "xa-xb/rules.cedar" in caplog.text


def test_a_file_of_the_same_size_and_time_of_modification_is_followed(wanted: Node) -> None:
    rules = wanted.home / RULES
    before, text = rules.stat(), rules.read_text()
    rules.write_text(text.replace('context.purpose == "border-check"', 'context.purpose != "border-check"'))
    os.utime(rules, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert rules.stat().st_size == before.st_size
    wanted.runtime.keep_house()
    assert wanted.check("xa", finger_number=WANTED)["outcome"] == "no-candidates"


def test_a_bug_in_one_part_leaves_the_others_to_be_done(wanted: Node, caplog: pytest.LogCaptureFixture) -> None:
    now, engine = wanted.clock(), wanted.runtime.store.engine
    day = (now - timedelta(days=9)).date()
    long_ago = {"agreement": "xa-xb", "partner": "xa", "day": day, "exercise": False, "used": 1}
    wanted.settle()
    with writing(engine) as connection:
        connection.execute(wipes_due.insert().values(of_table="unheard-of", since=now))
        connection.execute(quota_uses.insert().values(long_ago))
    wanted.runtime.keep_house()
    with engine.connect() as connection:
        assert connection.execute(select(quota_uses)).all() == []
    assert "housekeeping: unhandled KeyError" in caplog.text
    assert "unheard-of" not in caplog.text


@pytest.fixture
def eve(node: Node) -> Node:
    """A node on 15 June 2030."""
    node.clock.set(datetime(2030, 6, 15, 12, tzinfo=UTC))
    return node


def enrol_child(node: Node, entry_id: str, birth_date: str, **fields: Any) -> None:
    node.enrol("xb", entry_id, finger_number=WANTED, subject={"birth_date": birth_date}, **fields)


def age_of(node: Node, entry_id: str) -> str:
    age: str = node.call("xb-sync", "GET", f"/v1/watchlists/xb-alerts/entries/{entry_id}").json()["age"]
    return age


def events_of_ageing(node: Node) -> list[dict[str, object]]:
    found = recorded(node.runtime.store, EventKind.ENTRIES_AGED)
    return [{"partner": row["partner"]} | row["details"] for row in found]


def test_entries_follow_the_birthdays_of_their_subjects_once_a_day(eve: Node) -> None:
    enrol_child(eve, "E-1", TURNS_12, gravity_months=36)
    enrol_child(eve, "E-2", TURNS_18)
    eve.runtime.keep_house()
    assert (age_of(eve, "E-1"), age_of(eve, "E-2")) == ("under-12", "minor")

    eve.clock.turn(timedelta(days=1))
    eve.runtime.keep_house()
    assert (age_of(eve, "E-1"), age_of(eve, "E-2")) == ("minor", "adult")
    in_gallery = {klass.conditions.age for klass in eve.runtime.gallery.classes()}
    assert in_gallery == {Age.MINOR, Age.ADULT}
    written = {"partner": "xb", "watchlist": "xb-alerts", "entries": ["E-1", "E-2"], "adults": ["E-2"]}
    assert events_of_ageing(eve) == [written]

    eve.runtime.keep_house()
    assert events_of_ageing(eve) == [written]


def test_the_look_tells_who_has_reached_majority(eve: Node) -> None:
    for name in ("E-1", "E-2"):
        enrol_child(eve, name, TURNS_18)
    enrol_child(eve, "E-3", TURNS_12)
    eve.clock.turn(timedelta(days=1))

    assert eve.runtime.ageing.look() == (EntryKey("xb-alerts", "E-1"), EntryKey("xb-alerts", "E-2"))
    assert eve.runtime.ageing.look() == ()


def test_what_could_not_be_written_is_taken_up_again(eve: Node, caplog: pytest.LogCaptureFixture) -> None:
    enrol_child(eve, "E-1", TURNS_18)
    eve.clock.turn(timedelta(days=1))
    broken = {"owner": "xb", "generation": 2, "wrapped_key": bytes(61), "made_at": eve.clock()}
    with writing(eve.runtime.store.engine) as connection:
        connection.execute(owner_keys.insert().values(broken))
    eve.runtime.keep_house()
    assert "not in their class yet" in caplog.text
    assert events_of_ageing(eve) == []

    with writing(eve.runtime.store.engine) as connection:
        connection.execute(owner_keys.delete().where(owner_keys.c.generation == 2))
    eve.runtime.keep_house()
    assert [event["adults"] for event in events_of_ageing(eve)] == [["E-1"]]
