"""Bad input: each kind gets its status, its type and a hint, and nothing of it comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response

from models.fingerprint.formats import iso2005
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.commands.portraits import ENROLLED
from tests.service.images import blank_image, scaled, two_faces
from tests.service.node import Node, base64_of, entry, finger

TYPE = "urn:crosscheck:problem:"
Body = dict[str, Any]
GOOD = entry(finger_number=1)


def assert_problem(response: Response, status: int, slug: str) -> None:
    assert (response.status_code, response.json()["type"]) == (status, TYPE + slug), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["hint"]
    assert response.json()["status"] == status


@pytest.fixture
def portrait(portraits: dict[str, bytes]) -> bytes:
    return portraits[ENROLLED]


FACE_PROBLEMS: list[tuple[str, Callable[[bytes], bytes], int, str]] = [
    ("no face", lambda _: blank_image(), 422, "no-face"),
    ("two faces", two_faces, 422, "several-faces"),
    ("too dark", lambda image: scaled(image, 0.08), 422, "too-dark"),
    ("truncated", lambda image: image[: len(image) // 2], 422, "malformed-image"),
    ("text", lambda _: b"this is a text and not an image at all", 422, "malformed-image"),
    ("empty PNG header", lambda _: b"\x89PNG\r\n\x1a\n", 422, "malformed-image"),
]


@pytest.mark.parametrize(
    ("make", "status", "slug"), [case[1:] for case in FACE_PROBLEMS], ids=[c[0] for c in FACE_PROBLEMS]
)
def test_faces(node: Node, portrait: bytes, make: Callable[[bytes], bytes], status: int, slug: str) -> None:
    assert_problem(node.send("xa", node.request(portrait=make(portrait))), status, slug)


RECORD = synthetic_template(1, 0, Position.RIGHT_INDEX)
TEMPLATE_PROBLEMS = {
    "truncated": (RECORD[:-9], 422, "malformed-template"),
    "cut in the header": (RECORD[:12], 422, "malformed-template"),
    "another format": (b"\x00\x00\x00\x0cnot a minutiae record", 422, "unsupported-template"),
    "an image": (blank_image(), 422, "unsupported-template"),
}


@pytest.mark.parametrize(("template", "status", "slug"), TEMPLATE_PROBLEMS.values(), ids=TEMPLATE_PROBLEMS.keys())
def test_templates(node: Node, template: bytes, status: int, slug: str) -> None:
    fingerprints = [{"position": "right-index-finger", "template": base64_of(template)}]
    assert_problem(node.send("xa", node.request(fingerprints=fingerprints)), status, slug)


def test_a_position_that_contradicts_the_record(node: Node) -> None:
    contradicting = finger(1) | {"position": "left-thumb"}
    assert_problem(node.send("xa", node.request(fingerprints=[contradicting])), 422, "position-mismatch")


REQUEST_PROBLEMS: dict[str, tuple[Body, int, str]] = {
    "base64 garbage": ({"face": {"image": "@@@@not base64@@@@"}}, 422, "malformed-base64"),
    "base64 without padding": ({"face": {"image": "AAAAA"}}, 422, "malformed-base64"),
    "empty check": ({"face": None, "fingerprints": []}, 422, "empty-check"),
    "naive timestamp": ({"captured_at": "2026-11-22T09:30:00"}, 422, "timestamp-without-zone"),
    "not a timestamp": ({"captured_at": "yesterday"}, 422, "invalid-request"),
    "unknown field": ({"ethnicity": "?"}, 422, "invalid-request"),
    "not a uuid": ({"check_id": "17"}, 422, "invalid-request"),
    "purpose with spaces": ({"purpose": "border check"}, 422, "invalid-request"),
    "eleven fingers": ({"fingerprints": [finger(1)] * 11}, 422, "invalid-request"),
}


@pytest.mark.parametrize(("change", "status", "slug"), REQUEST_PROBLEMS.values(), ids=REQUEST_PROBLEMS.keys())
def test_requests(node: Node, change: Body, status: int, slug: str) -> None:
    assert_problem(node.send("xa", node.request(finger_number=1) | change), status, slug)


@pytest.mark.parametrize("shift", [timedelta(minutes=-11), timedelta(minutes=2)], ids=["old", "future"])
def test_a_capture_must_be_of_now(node: Node, shift: timedelta) -> None:
    body = node.request(finger_number=1, captured_at=(node.clock() + shift).isoformat())
    assert_problem(node.send("xa", body), 422, "stale-capture")


def test_json_garbage(node: Node) -> None:
    json_type = {"Content-Type": "application/json"}
    response = node.call("xa-terminal", "POST", "/v1/match", content=b"{not json", headers=json_type)
    assert_problem(response, 400, "malformed-json")


@pytest.mark.parametrize(("depth", "status"), [(500, 422), (2000, 400), (5_000_000, 400)])
def test_json_that_is_nested_without_end_is_refused_and_the_service_goes_on(
    node: Node, depth: int, status: int
) -> None:
    json_type = {"Content-Type": "application/json"}
    for content in (b"[" * depth + b"]" * depth, b'{"face":' + b"[" * depth + b"]" * depth + b"}"):
        response = node.call("xa-terminal", "POST", "/v1/match", content=content, headers=json_type)
        assert_problem(response, status, "invalid-request" if status == 422 else "malformed-request")
    assert node.check("xa", finger_number=1)["outcome"] == "no-candidates"


def test_a_line_of_an_import_that_is_nested_without_end_is_refused_beside_a_good_one(node: Node) -> None:
    deep = b'{"entry_id": "E-1", "faces": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refused, written = node.import_lines("xa", [deep, json.dumps({"entry_id": "E-2"} | GOOD).encode()])
    assert (refused["status"], written["status"]) == ("refused", "created")
    assert len(json.dumps(refused)) < 1000


def test_a_body_over_the_cap(node: Node) -> None:
    body = node.request(face={"image": "A" * 13 * 2**20})
    assert_problem(node.send("xa", body), 413, "body-too-large")


def test_a_body_over_the_cap_that_does_not_say_its_length(node: Node) -> None:
    chunks = (b" " * 2**20 for _ in range(13))
    assert_problem(node.call("xa-terminal", "POST", "/v1/match", content=chunks), 413, "body-too-large")


def test_a_wrong_token(node: Node) -> None:
    response = node.client.post("/v1/match", json={}, headers={"Authorization": "Bearer xck_wrong"})
    assert_problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_no_token(node: Node) -> None:
    assert_problem(node.client.post("/v1/match", json={}), 401, "unauthenticated")


@pytest.mark.parametrize("who", ["xa-sync", "xa-reviewer", "xa-auditor", "xa-operator"])
def test_only_terminals_check(node: Node, who: str) -> None:
    response = node.call(who, "POST", "/v1/match", json=node.request(finger_number=1))
    assert_problem(response, 403, "wrong-role")


def test_terminals_write_no_entries(node: Node) -> None:
    path = "/v1/watchlists/xa-alerts/entries/E-1"
    response = node.call("xa-terminal", "PUT", path, json=entry(finger_number=1))
    assert_problem(response, 403, "wrong-role")


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
@pytest.mark.parametrize("watchlist", ["xb-alerts", "no-such-list"])
def test_another_partners_watchlist_is_as_unknown_as_none(node: Node, method: str, watchlist: str) -> None:
    body = entry(finger_number=1) if method == "PUT" else None
    response = node.call("xa-sync", method, f"/v1/watchlists/{watchlist}/entries/E-1", json=body)
    assert_problem(response, 404, "unknown-watchlist")


def test_a_watchlist_name_of_another_partner_is_taken(node: Node) -> None:
    response = node.call("xa-sync", "PUT", "/v1/watchlists/xb-alerts", json={"title": "Mine"})
    assert_problem(response, 409, "watchlist-name-taken")


def test_a_poor_portrait_is_not_enrolled(node: Node) -> None:
    body = entry(portrait=blank_image())
    assert_problem(node.put_entry("xb", "E-1", body), 422, "no-face")


def test_an_unknown_path(node: Node) -> None:
    assert_problem(node.call("xa-terminal", "GET", "/v1/nothing"), 404, "unknown-path")


def test_a_wrong_method(node: Node) -> None:
    assert_problem(node.call("xa-terminal", "GET", "/v1/match"), 405, "method-not-allowed")


def test_a_poor_fingerprint_is_checked_with_a_warning_and_not_enrolled(node: Node) -> None:
    whole = iso2005.read_record(RECORD)
    few = replace(whole, views=(replace(whole.views[0], minutiae=whole.views[0].minutiae[:8]),))
    fingerprints = [{"position": "right-index-finger", "template": base64_of(iso2005.write_record(few))}]
    answer = node.check("xa", fingerprints=fingerprints)
    (sample,) = answer["samples"]
    assert (sample["accepted"], answer["complete"]) == (True, True)
    assert [(reason["code"], reason["severity"]) for reason in sample["reasons"]] == [("too-few-minutiae", "warning")]
    body = entry(fingerprints=fingerprints)
    assert_problem(node.put_entry("xb", "E-1", body), 422, "too-few-minutiae")
