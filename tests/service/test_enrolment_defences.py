"""What an owner is told of a new entry, and what keeps one from searches that would be found whoever stands there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.calibration import LIKE_MANY_LIMIT
from models.fingerprint.formats import iso2005
from models.fingerprint.synthetic import synthetic_template
from models.hubs import _AVERAGE_FACE
from models.samples import Position
from service.commands.portraits import ENROLLED, PROBE
from service.enrolment_defences import Defences
from tests.service.node import Node, base64_of, entry, finger
from watchlists.records import Entry, FaceTemplate, Quarantine, Subject, Templates, VisibilityClass

SOURCE = {"source": "County court, case 7", "captured_at": "2026-03-01T12:00:00Z"}
ALIKE = LIKE_MANY_LIMIT + 1
LIKE_MANY = "like-many-entries"


def put(node: Node, name: str, **fields: Any) -> dict[str, Any]:
    response = node.put_entry("xb", name, entry(**fields))
    assert response.status_code in {200, 201}, response.text
    answer: dict[str, Any] = response.json()
    return answer


def read(node: Node, name: str) -> dict[str, Any]:
    found: dict[str, Any] = node.call("xb-sync", "GET", f"/v1/watchlists/xb-alerts/entries/{name}").json()
    return found


def several_people(people: int = ALIKE) -> dict[str, str]:
    """A print with the fingers of several people of the list side by side, as no finger is."""
    records = [iso2005.read_record(synthetic_template(number, 0, Position.RIGHT_INDEX)) for number in range(people)]
    minutiae = [
        minutia._replace(x=minutia.x + 420 * place)
        for place, record in enumerate(records)
        for minutia in record.views[0].minutiae
    ]
    assert len(minutiae) > 5 * 40
    view = replace(records[0].views[0], minutiae=tuple(minutiae[:255]))
    wide = replace(records[0], views=(view,), width=420 * people)
    return {"position": "right-index-finger", "template": base64_of(iso2005.write_record(wide))}


class TestProvenance:
    def test_an_entry_needs_one_and_its_owner_reads_it_back(self, node: Node) -> None:
        without = entry(finger_number=1)
        del without["provenance"]
        problem = node.put_entry("xb", "E-1", without)
        assert problem.status_code == 422
        assert [error["field"] for error in problem.json()["errors"]] == ["body.provenance"]

        put(node, "E-1", finger_number=1, provenance=SOURCE)
        assert read(node, "E-1")["provenance"] == SOURCE
        assert put(node, "E-1", finger_number=1, provenance=SOURCE)["status"] == "unchanged"
        assert put(node, "E-1", finger_number=1, provenance={"source": "another"})["status"] == "replaced"

    def test_no_partner_sees_it(self, node: Node) -> None:
        put(node, "E-1", finger_number=1, provenance=SOURCE)
        assert "County court" not in json.dumps(node.check("xb", finger_number=1))


class TestNearDuplicates:
    def test_an_owner_is_told_which_of_its_entries_are_of_the_same_person(
        self, node: Node, portraits: dict[str, bytes]
    ) -> None:
        assert put(node, "E-1", portrait=portraits[ENROLLED])["near_duplicates"] == []
        put(node, "E-2", finger_number=5)
        answer = put(node, "E-3", portrait=portraits[PROBE], finger_number=5)
        assert answer["status"] == "created"
        assert {(other["watchlist"], other["entry_id"]) for other in answer["near_duplicates"]} == {
            ("xb-alerts", "E-1"),
            ("xb-alerts", "E-2"),
        }
        assert all(other["score"] >= 3 for other in answer["near_duplicates"])
        assert answer["quarantined"] is None

    def test_an_entry_is_no_duplicate_of_what_it_replaces(self, node: Node) -> None:
        put(node, "E-1", finger_number=1)
        assert put(node, "E-1", finger_number=1, category="missing-person")["near_duplicates"] == []

    def test_nothing_is_said_of_entries_of_others(self, node: Node) -> None:
        node.enrol("xa", "E-1", finger_number=1)
        assert put(node, "E-1", finger_number=1)["near_duplicates"] == []

    def test_lines_of_one_import_are_compared_with_each_other(self, node: Node) -> None:
        bodies = {"E-1": 1, "E-2": 1, "E-3": 2}
        lines = [json.dumps({"entry_id": name} | entry(finger_number=n)).encode() for name, n in bodies.items()]
        like = [
            [other["entry_id"] for other in result.get("near_duplicates", [])]
            for result in node.import_lines("xb", lines)
        ]
        assert like == [["E-2"], ["E-1"], []]


class TestQuarantine:
    @pytest.fixture
    def crowd(self, node: Node) -> Node:
        """A list of several people, and a print that is like all of them."""
        for number in range(ALIKE):
            put(node, f"P-{number}", finger_number=number)
        return node

    def test_a_print_that_is_like_many_of_the_list_is_stored_and_not_searched(self, crowd: Node) -> None:
        answer = put(crowd, "WOLF", fingerprints=[several_people()])
        assert (answer["status"], answer["quarantined"]) == ("created", LIKE_MANY)
        assert len(answer["near_duplicates"]) == ALIKE
        assert read(crowd, "WOLF")["quarantined"] == LIKE_MANY
        listed = crowd.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/quarantine").json()
        assert listed == {"entries": [{"entry_id": "WOLF", "quarantined": LIKE_MANY}]}

        for restart in (False, True):
            if restart:
                crowd.restart()
            found = crowd.check("xb", finger_number=0)["candidates"]
            assert [candidate["reference"] for candidate in found] == ["xb-alerts/P-0"]

    def test_one_that_comes_in_one_import_with_those_that_it_is_like_is_not_searched(self, node: Node) -> None:
        bodies = {f"P-{number}": entry(finger_number=number) for number in range(ALIKE + 1)}
        bodies["WOLF"] = entry(fingerprints=[several_people(ALIKE + 1)])
        lines = [json.dumps({"entry_id": name} | body).encode() for name, body in reversed(bodies.items())]
        results = node.import_lines("xb", lines)
        assert [result.get("quarantined") for result in results] == [LIKE_MANY, *[None] * (ALIKE + 1)]
        assert {result["status"] for result in results} == {"created"}
        assert read(node, "WOLF")["quarantined"] == LIKE_MANY
        found = node.check("xb", finger_number=0)["candidates"]
        assert [candidate["reference"] for candidate in found] == ["xb-alerts/P-0"]
        again = node.import_lines("xb", lines)
        assert {result["status"] for result in again} == {"unchanged"}

    def test_of_many_lines_of_one_person_as_many_are_searched_as_if_they_had_come_one_by_one(self, node: Node) -> None:
        bodies = {f"E-{number}": entry(fingerprints=[finger(7, impression=number)]) for number in range(ALIKE + 1)}
        lines = [json.dumps({"entry_id": name} | body).encode() for name, body in bodies.items()]
        reasons = [result.get("quarantined") for result in node.import_lines("xb", lines)]
        assert reasons == [*[None] * ALIKE, LIKE_MANY]

    def test_its_owner_may_overrule_it_or_replace_the_samples(self, crowd: Node) -> None:
        put(crowd, "WOLF", fingerprints=[several_people()])
        again = put(crowd, "WOLF", fingerprints=[several_people()])
        assert (again["status"], again["quarantined"]) == ("unchanged", LIKE_MANY)

        overruled = put(crowd, "WOLF", fingerprints=[several_people()], overrule_quarantine=True)
        assert (overruled["status"], overruled["quarantined"]) == ("replaced", None)
        references = {each["reference"] for each in crowd.check("xb", finger_number=0)["candidates"]}
        assert references == {"xb-alerts/P-0", "xb-alerts/WOLF"}

        put(crowd, "WOLF", fingerprints=[several_people()])
        assert put(crowd, "WOLF", finger_number=99)["quarantined"] is None
        assert crowd.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/quarantine").json() == {"entries": []}

    def test_one_person_whom_the_owner_links_is_no_wolf(self, node: Node) -> None:
        links: list[dict[str, str]] = []
        for number in range(ALIKE + 2):
            name = f"E-{number}"
            assert put(node, name, fingerprints=[finger(7, impression=number)], links=links)["quarantined"] is None
            links.append({"kind": "same-person", "watchlist": "xb-alerts", "entry": name})

    def test_another_partner_learns_nothing_of_it(self, crowd: Node) -> None:
        put(crowd, "WOLF", fingerprints=[several_people()])
        assert crowd.call("xa-sync", "GET", "/v1/watchlists/xb-alerts/quarantine").status_code == 404
        response = crowd.put_entry("xa", "E-1", entry(fingerprints=[several_people()]))
        assert (response.json()["quarantined"], response.json()["near_duplicates"]) == (None, [])


def test_the_average_face_is_quarantined(node: Node) -> None:
    """A vector, because no picture is known that becomes it."""
    runtime = node.runtime
    space = runtime.checks.encoder.faces
    average = FaceTemplate(space.model, np.asarray(_AVERAGE_FACE / np.linalg.norm(_AVERAGE_FACE), np.float32))
    new = Entry("HUB", VisibilityClass("xb", "xb-alerts", "wanted", "inform-officer"), Subject())
    kept = Defences(runtime.gallery).quarantined(new, Templates((average,)), [])
    assert kept.klass.conditions.quarantine is Quarantine.FACE_LIKE_EVERYBODY

    runtime.store.put_entry(kept, Templates((average,)))
    runtime.gallery.catch_up()
    assert runtime.store.quarantined("xb-alerts") == [(kept.key, Quarantine.FACE_LIKE_EVERYBODY)]
