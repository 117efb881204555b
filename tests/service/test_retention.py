"""What is due without anybody asking: reminders of reviews, and the end of what has expired."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.service.node import Node, entry
from tests.service.recorded import recorded
from tests.service.treaties import notices, permit, sign

WANTED = 1
DAY = timedelta(days=1)


def entries(node: Node) -> int:
    return node.runtime.store.entry_count("xb-alerts")


def reminded(node: Node, partner: str = "xb") -> list[str]:
    return [notice["details"]["entry"] for notice in notices(node, partner) if notice["kind"] == "review-due"]


def dated(node: Node, entry_id: str, **after: timedelta) -> datetime:
    """Enrol somebody whose dates lie that far ahead; return now."""
    now = node.clock()
    moments = {name: (now + ahead).isoformat() for name, ahead in after.items()}
    node.enrol("xb", entry_id, finger_number=WANTED, **moments)
    return now


def test_what_has_expired_is_destroyed_and_only_that(node: Node) -> None:
    dated(node, "E-1", expires_at=DAY)
    dated(node, "E-2", expires_at=3 * DAY)
    node.enrol("xb", "E-3", finger_number=WANTED)
    node.runtime.keep_house()
    assert entries(node) == 3
    node.clock.turn(2 * DAY)
    node.runtime.keep_house()
    assert entries(node) == 2
    assert node.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-1").status_code == 404
    assert node.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-2").status_code == 200


def test_an_entry_that_is_written_again_with_a_later_end_stays(node: Node) -> None:
    dated(node, "E-1", expires_at=DAY)
    (found,) = node.runtime.store.dates.expired(node.clock() + 2 * DAY, 10)
    node.put_entry("xb", "E-1", entry(finger_number=WANTED, expires_at=(node.clock() + 5 * DAY).isoformat()))
    with node.runtime.store.writing() as write:
        assert write.expire_entry(found[0], node.clock() + 2 * DAY) is None
    assert entries(node) == 1


def test_rule_kind_21_owners_are_reminded_ahead_of_a_review_once(node: Node) -> None:
    dated(node, "E-1", review_at=40 * DAY)
    node.runtime.keep_house()
    assert reminded(node) == []
    node.clock.turn(11 * DAY)
    node.runtime.keep_house()
    node.clock.turn(DAY)
    node.runtime.keep_house()
    assert reminded(node) == ["E-1"]
    assert reminded(node, "xa") == []
    node.put_entry("xb", "E-1", entry(finger_number=WANTED, review_at=(node.clock() + 5 * DAY).isoformat()))
    node.clock.turn(DAY)
    node.runtime.keep_house()
    assert reminded(node) == ["E-1", "E-1"]


def test_rule_kind_21_a_clause_says_how_long_ahead(node: Node) -> None:
    enter = '@id("enter")\n@obligations("warn-before(60 d)")\npermit (principal, action == Action::"enter", resource);'
    sign(node, permit("search"), permit("see hit"), enter)
    dated(node, "E-1", review_at=70 * DAY)
    node.runtime.keep_house()
    assert reminded(node) == []
    node.clock.turn(11 * DAY)
    node.runtime.keep_house()
    assert reminded(node) == ["E-1"]


def test_rule_kind_21_reminders_and_destructions_name_list_entry_and_date(node: Node) -> None:
    now = node.clock()
    review, expiry = now + 40 * DAY, now + 50 * DAY
    node.call("xb-sync", "PUT", "/v1/watchlists/xb-more", json={"title": "More"})
    body = entry(finger_number=WANTED, review_at=review.isoformat(), expires_at=expiry.isoformat())
    for place in ("xb-alerts/entries/E-1", "xb-alerts/entries/E-2", "xb-more/entries/E-1"):
        assert node.call("xb-sync", "PUT", f"/v1/watchlists/{place}", json=body).status_code == 201
    node.clock.turn(39 * DAY)
    node.runtime.keep_house()
    told = [(notice["kind"], notice["details"]) for notice in notices(node, "xb")]
    places = [
        {"watchlist": at, "entry": name}
        for at, name in (("xb-alerts", "E-1"), ("xb-alerts", "E-2"), ("xb-more", "E-1"))
    ]
    assert sorted(told, key=str) == sorted(
        [("review-due", place | {"review_at": review.isoformat()}) for place in places]
        + [("expiry-due", place | {"expires_at": expiry.isoformat()}) for place in places],
        key=str,
    )
    node.clock.turn(12 * DAY)
    node.runtime.keep_house()
    gone = recorded(node.runtime.store, "entries-expired")
    assert [(event["partner"], event["actor"]) for event in gone] == [("xb", "housekeeping")] * 2
    assert [event["details"] for event in gone] == [
        {"watchlist": "xb-alerts", "entries": ["E-1", "E-2"]},
        {"watchlist": "xb-more", "entries": ["E-1"]},
    ]
