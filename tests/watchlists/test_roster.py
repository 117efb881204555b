"""Who is in the gallery: what has expired stays out of sight, whatever changes around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from watchlists.gallery.roster import Member, Roster
from watchlists.records import EntryKey, VisibilityClass

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
KLASS = VisibilityClass("xb", "xb-alerts", "wanted", "none")


def put(roster: Roster, name: str, expires_at: datetime | None) -> int:
    key = EntryKey("xb-alerts", name)
    roster.remove(key)
    number = roster.reserve()
    roster.add(number, Member(key, KLASS, 1, (), (), strange_faces=False, readable=True), expires_at, 1)
    return number


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
