"""Who is in the gallery: what has expired stays out of sight, whatever changes around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from watchlists.gallery.roster import Places, Roster
from watchlists.records import EntryKey, VisibilityClass
from watchlists.store import StoredTemplates, TemplateColumns

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
KLASS = VisibilityClass("xb", "xb-alerts", "wanted", "none")


def put(roster: Roster, name: str, expires_at: datetime | None, sequence: int = 1) -> int:
    stored = StoredTemplates(EntryKey("xb-alerts", name), KLASS, expires_at, sequence, b"")
    numbers, _ = roster.put(TemplateColumns.of([stored]), 1)
    return int(numbers[0])


def seen(roster: Roster, now: datetime = NOW) -> set[str]:
    visible = roster.visible({KLASS}, now.timestamp())
    assert visible.since <= now.timestamp() < visible.until
    return {roster[number].key.entry for number in visible.numbers.nonzero()[0].tolist()}


def test_what_is_written_after_a_look_expires_at_its_moment() -> None:
    roster = Roster()
    put(roster, "late", NOW + 2 * HOUR)
    assert seen(roster) == {"late"}
    put(roster, "early", NOW + HOUR)
    put(roster, "past", NOW - HOUR)
    assert seen(roster) == {"late", "early"}
    assert seen(roster, NOW + HOUR) == {"late"}
    assert seen(roster, NOW - 2 * HOUR) == {"late", "early", "past"}


def test_the_number_of_an_expired_entry_is_used_again() -> None:
    roster = Roster()
    expired = put(roster, "expired", NOW)
    put(roster, "other", None)
    assert seen(roster) == {"other"}
    roster.remove(EntryKey("xb-alerts", "expired"))
    assert put(roster, "fresh", None) == expired
    assert seen(roster) == {"other", "fresh"}


def test_an_entry_that_is_written_again_lives_longer() -> None:
    roster = Roster()
    put(roster, "e", NOW)
    assert seen(roster) == set()
    put(roster, "e", NOW + HOUR)
    assert seen(roster) == {"e"}


def test_other_classes_are_not_seen() -> None:
    roster = Roster()
    put(roster, "e", None)
    assert not roster.visible(set(), NOW.timestamp()).numbers.any()


def test_a_member_is_replaced_in_place_and_gives_its_templates_back() -> None:
    roster = Roster()
    first = put(roster, "e", None)
    roster.place_faces(np.array([first]), np.array([7]))
    roster.place(put(roster, "other", None), Places((8, 9), (3,)), strange_faces=True)
    stored = [StoredTemplates(EntryKey("xb-alerts", name), KLASS, None, 5, b"") for name in ("new", "e", "other")]
    numbers, replaced = roster.put(TemplateColumns.of(stored), 4)

    assert replaced == [Places((7,)), Places((8, 9), (3,))]
    assert len(roster) == 3
    assert [roster[number].key.entry for number in numbers.tolist()] == ["new", "e", "other"]
    assert {(roster[n].sequence, roster[n].places, roster[n].strange_faces) for n in numbers.tolist()} == {
        (5, Places(), False)
    }
    assert seen(roster) == {"new", "e", "other"}
    assert roster.remove(EntryKey("xb-alerts", "e")) == Places()
    assert roster.remove(EntryKey("xb-alerts", "e")) is None


def test_more_members_than_there_was_room_for() -> None:
    roster = Roster()
    names = [f"e{number}" for number in range(5000)]
    later = NOW + HOUR
    stored = [StoredTemplates(EntryKey("xb-alerts", name), KLASS, later, n, b"") for n, name in enumerate(names)]
    numbers, _ = roster.put(TemplateColumns.of(stored), 1)
    assert seen(roster) == set(names)
    assert seen(roster, later) == set()
    assert [roster[number].sequence for number in numbers.tolist()] == list(range(5000))


def test_classes_count_their_members_and_remember_the_first_change() -> None:
    roster = Roster()
    other = VisibilityClass("xb", "xb-others", "wanted", "none")
    stored = [
        StoredTemplates(EntryKey(klass.watchlist, f"e{n}"), klass, None, 10 - n, b"")
        for n, klass in enumerate((KLASS, other, other))
    ]
    roster.put(TemplateColumns.of(stored), 9)
    assert roster.classes == {KLASS, other}
    assert (roster.first_since({KLASS}), roster.first_since({other})) == (8, 9)
    for name in ("e1", "e2"):
        assert roster.classes == {KLASS, other}
        roster.remove(EntryKey("xb-others", name))
    assert roster.classes == {KLASS}
    assert seen(roster) == {"e0"}
