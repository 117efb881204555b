"""Imports: good lines are kept, bad lines named, and sending everything again changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.commands.portraits import ENROLLED, PROBE
from tests.service.images import blank_image
from tests.service.node import Node, entry, face

ON_BOTH_DATABASES = True


def line(entry_id: str, finger_number: int, **fields: Any) -> bytes:
    return json.dumps({"entry_id": entry_id} | entry(finger_number=finger_number, **fields)).encode()


def test_every_line_gets_its_result_and_good_lines_are_kept(node: Node) -> None:
    poor = json.dumps({"entry_id": "E-3"} | entry(faces=[face(blank_image())])).encode()
    lines = [line("E-1", 1), b"{broken", line("E-2", 2), poor, line("E 4", 4), line("E-5", 5)]
    results = node.import_lines("xb", lines)

    assert [result["line"] for result in results] == [1, 2, 3, 4, 5, 6]
    assert [result["status"] for result in results] == [
        "created", "refused", "created", "refused", "refused", "created",
    ]  # fmt: skip
    problems = [result["problem"]["type"].rpartition(":")[2] for result in results if "problem" in result]
    assert problems == ["malformed-json", "no-face", "invalid-request"]
    assert node.check("xa", finger_number=5)["outcome"] == "flagged"


def test_importing_again_changes_nothing(node: Node) -> None:
    lines = [line("E-1", 1), line("E-2", 2)]
    first = node.import_lines("xb", lines)
    again = node.import_lines("xb", lines)
    assert [result["status"] for result in again] == ["unchanged", "unchanged"]
    assert [result["sequence"] for result in again] == [result["sequence"] for result in first]


def test_an_entry_written_again_is_replaced(node: Node, portraits: dict[str, bytes]) -> None:
    node.enrol("xb", "E-1", finger_number=1)
    (result,) = node.import_lines(
        "xb", [json.dumps({"entry_id": "E-1"} | entry(portrait=portraits[ENROLLED])).encode()]
    )
    assert result["status"] == "replaced"
    assert node.check("xa", finger_number=1)["outcome"] == "no-candidates"
    assert node.check("xa", portrait=portraits[PROBE])["outcome"] == "flagged"


def test_blank_lines_count_but_have_no_result(node: Node) -> None:
    results = node.import_lines("xb", [line("E-1", 1), b"", line("E-2", 2), b""])
    assert [(result["line"], result["status"]) for result in results] == [(1, "created"), (3, "created")]


def test_a_line_over_the_cap_is_passed_over_and_named(make_node: object) -> None:
    assert callable(make_node)
    node: Node = make_node(max_body=2**16)
    results = node.import_lines("xb", [line("E-1", 1), b'{"entry_id": "' + b"x" * 2**17 + b'"}', line("E-2", 2)])
    assert [result["status"] for result in results] == ["created", "refused", "created"]
    assert results[1]["problem"]["type"] == "urn:crosscheck:problem:line-too-long"


def test_an_entry_that_has_expired_is_refused(node: Node) -> None:
    (result,) = node.import_lines("xb", [line("E-1", 1, expires_at="2020-01-01T00:00:00Z")])
    assert result["problem"]["type"] == "urn:crosscheck:problem:already-expired"


def test_the_owner_reads_its_entry_back_without_templates(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=1)
    read = node.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-1").json()
    assert read["subject"]["family_name"] == "Quillfeather"
    assert (read["face_templates"], read["finger_positions"]) == (0, ["right-index-finger"])
    assert "template" not in read


def test_an_entry_that_is_not_there_is_unknown(node: Node) -> None:
    response = node.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-404")
    assert (response.status_code, response.json()["type"]) == (404, "urn:crosscheck:problem:unknown-entry")


def test_watchlists_are_made_renamed_and_listed_with_their_size(node: Node) -> None:
    path = "/v1/watchlists/xb-missing"
    assert node.call("xb-sync", "PUT", path, json={"title": "Missing"}).status_code == 201
    assert node.call("xb-sync", "PUT", path, json={"title": "Missing persons"}).status_code == 200
    node.enrol("xb", "E-1", finger_number=1)
    listed = node.call("xb-sync", "GET", "/v1/watchlists").json()["watchlists"]
    assert {(item["watchlist"], item["title"], item["entries"]) for item in listed} == {
        ("xb-alerts", "Alerts of XB", 1),
        ("xb-missing", "Missing persons", 0),
    }


@pytest.mark.parametrize("title", ["", "Alerts\x00", "x" * 201])
def test_a_title_that_not_every_database_can_hold_is_refused(node: Node, title: str) -> None:
    response = node.call("xb-sync", "PUT", "/v1/watchlists/xb-missing", json={"title": title})
    assert (response.status_code, response.json()["type"]) == (422, "urn:crosscheck:problem:invalid-request")


def test_an_import_keeps_nobody_from_reading(node: Node) -> None:
    if node.runtime.store.engine.dialect.name == "sqlite":
        pytest.skip("there is one writer at a time, and reading is written down")
    node.import_lines("xb", [line("E-1", 1)])
    with node.runtime.store.writing():  # as an import does
        assert node.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-1").status_code == 200
