"""What an owner says of an entry beside its alert: it reads it back, and the age follows from the date of birth."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from service.api.owner_messages import EntryBody
from tests.service.node import Node, entry
from tests.service.recorded import recorded
from tests.service.test_privacy import stored_bytes

EVERYTHING: dict[str, Any] = {
    "excluded": ["xc", "xd"],
    "flagged_by": ["xa"],
    "hidden_until": "2031-01-02T03:04:05Z",
    "in_child_interest": True,
    "gravity_months": 36,
    "contested": True,
    "exercise": True,
    "links": [
        {"kind": "associated", "watchlist": "xa-alerts", "entry": "Linked-4711"},
        {"kind": "same-person", "watchlist": "xb-alerts", "entry": "E-2"},
    ],
    "misused_identity": {
        "family_name": "Featherquill",
        "given_names": "Nebuloz",
        "birth_date": "1971-03-04",
        "nationality": "XA",
        "documents": ["PXA0000001"],
    },
}
DEFAULTS: dict[str, Any] = {
    "excluded": [],
    "flagged_by": [],
    "hidden_until": None,
    "in_child_interest": False,
    "gravity_months": None,
    "contested": False,
    "exercise": False,
    "links": [],
    "misused_identity": None,
}


def read(node: Node) -> dict[str, Any]:
    answer: dict[str, Any] = node.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-1").json()
    return answer


def put(node: Node, **fields: Any) -> str:
    """Put the entry and return what the write did."""
    response = node.put_entry("xb", "E-1", entry(finger_number=1, **fields))
    assert response.is_success, response.text
    status: str = response.json()["status"]
    return status


def test_an_owner_reads_back_everything_it_said(node: Node) -> None:
    put(node, **EVERYTHING)
    answer = read(node)
    assert {name: answer[name] for name in EVERYTHING} == EVERYTHING


def test_an_owner_need_not_say_anything(node: Node) -> None:
    put(node)
    answer = read(node)
    assert {name: answer[name] for name in DEFAULTS} == DEFAULTS
    assert put(node, **DEFAULTS) == "unchanged"


@pytest.mark.parametrize("field", EVERYTHING)
def test_each_field_is_content_that_an_import_changes_too(node: Node, field: str) -> None:
    put(node)
    line = json.dumps({"entry_id": "E-1"} | entry(finger_number=1, **{field: EVERYTHING[field]})).encode()
    assert [result["status"] for result in node.import_lines("xb", [line, line])] == ["replaced", "unchanged"]
    assert read(node)[field] == EVERYTHING[field]


def test_the_order_of_links_and_codes_is_no_content(node: Node) -> None:
    put(node, **EVERYTHING)
    lists = ("excluded", "links")
    assert put(node, **EVERYTHING | {name: EVERYTHING[name][::-1] * 2 for name in lists}) == "unchanged"


@pytest.mark.parametrize(
    "fields",
    [
        {"excluded": ["State of XC"]},
        {"flagged_by": [""]},
        {"hidden_until": "2031-01-02T03:04:05"},
        {"gravity_months": -1},
        {"gravity_months": 1201},
        {"contested": "perhaps"},
        {"links": [{"kind": "cousin", "watchlist": "xb-alerts", "entry": "E-2"}]},
        {"links": [{"kind": "associated", "watchlist": "xb-alerts", "entry": "E 2"}]},
        {"misused_identity": {"name": "Featherquill"}},
        {"age": "adult"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_cannot_be_meant_is_refused_by_name_without_its_value(node: Node, fields: dict[str, Any]) -> None:
    response = node.put_entry("xb", "E-1", entry(finger_number=1, **fields))
    assert response.status_code == 422
    ((name, value),) = fields.items()
    assert response.json()["errors"][0]["field"].startswith("body" if name == "age" else f"body.{name}")
    assert str(value) not in response.text


def test_a_moment_out_of_the_calendar_is_refused(node: Node) -> None:
    response = node.put_entry("xb", "E-1", entry(finger_number=1, hidden_until="0001-01-01T00:00:00+14:00"))
    assert response.status_code == 422


def test_nothing_of_links_or_misused_identity_is_legible_on_disk_or_in_messages(node: Node) -> None:
    put(node, **EVERYTHING)
    on_disk = stored_bytes(node.home)
    assert b"hidden_until" in on_disk  # the search below looks where things are
    words = ["Featherquill", "Nebuloz", "PXA0000001", "1971-03-04", "Linked-4711"]
    shown = repr(EntryBody.model_validate(entry(finger_number=1, **EVERYTHING)))
    assert [word for word in words if word.encode() in on_disk or word in shown] == []


@pytest.mark.parametrize(
    ("birth_date", "age"),
    [("2018-06-16", "under-12"), ("2018-06-15", "minor"), ("2012-06-16", "minor"), ("2012-06-15", "adult")],
)
def test_the_age_is_that_of_the_day_of_the_write(node: Node, birth_date: str, age: str) -> None:
    node.clock.set(datetime(2030, 6, 15, 12, tzinfo=UTC))
    put(node, subject={"birth_date": birth_date})
    assert read(node)["age"] == age


def test_without_a_date_of_birth_the_age_is_unknown(node: Node) -> None:
    put(node)
    assert read(node)["age"] == "unknown"


def test_an_owner_is_told_how_many_entries_its_watchlist_has(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=1)
    node.enrol("xb", "E-2", finger_number=2)
    titled = node.call("xb-sync", "PUT", "/v1/watchlists/xb-alerts", json={"title": "Wanted persons of XB"})
    assert (titled.status_code, titled.json()["entries"]) == (200, 2)
    made = node.call("xb-sync", "PUT", "/v1/watchlists/xb-more", json={"title": "More"})
    assert (made.status_code, made.json()) == (
        201,
        {"watchlist": "xb-more", "owner": "xb", "title": "More", "entries": 0},
    )


def test_what_an_owner_does_with_its_entries_is_on_record_by_name(node: Node) -> None:
    node.call("xb-sync", "PUT", "/v1/watchlists/xb-more", json={"title": "More"})
    path = "/v1/watchlists/xb-more/entries/E-1"
    written = node.call("xb-sync", "PUT", path, json=entry(finger_number=1)).json()
    node.call("xb-sync", "GET", path)
    node.call("xb-sync", "DELETE", path)
    about = {"watchlist": "xb-more", "entry": "E-1"}
    kinds = {
        "watchlist-put": {"watchlist": "xb-more", "outcome": "created"},
        "entries-put": {"watchlist": "xb-more", "entries": ["E-1"], "quarantined": [], "overruled": []},
        "entry-read": about,
        "entry-withdrawn": about | {"sequence": written["sequence"] + 1},
    }
    left = [event for event in recorded(node.runtime.store, *kinds) if event["details"]["watchlist"] == "xb-more"]
    assert [(event["partner"], event["actor"]) for event in left] == [("xb", "xb-sync")] * 4
    assert {event["kind"]: event["details"] for event in left} == kinds
