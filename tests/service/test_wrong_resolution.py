"""Scanners that state a wrong resolution: what a check and an entry can have assumed in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.fingerprint.formats import iso2005
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from tests.service.node import Node, base64_of, entry

WANTED = 1
TRUE_PPI = 500
HALF = 99
"""Half of 500 pixels an inch, in pixels a centimetre; the lowest that a record may state."""


def misstated(impression: int, **more: Any) -> dict[str, Any]:
    """An impression of the wanted finger whose record states half the true resolution."""
    record = iso2005.read_record(synthetic_template(WANTED, impression, Position.RIGHT_INDEX))
    wrong = iso2005.write_record(replace(record, x_resolution=HALF, y_resolution=HALF))
    return {"position": Position.RIGHT_INDEX.value, "template": base64_of(wrong)} | more


def test_a_finger_of_a_wrong_resolution_is_missed_with_a_warning_and_found_once_it_is_put_right(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)

    missed = node.check("xa", fingerprints=[misstated(impression=1)])
    assert missed["outcome"] != "flagged"
    assert missed["samples"][0]["reasons"]

    found = node.check("xa", fingerprints=[misstated(impression=1, assume_ppi=TRUE_PPI)])
    assert (found["outcome"], found["samples"][0]["reasons"]) == ("flagged", [])


def test_an_entry_of_a_wrong_resolution_is_refused_and_enrolled_once_it_is_put_right(node: Node) -> None:
    refused = node.put_entry("xb", "E-1", entry(fingerprints=[misstated(impression=0)]))
    assert refused.status_code == 422

    written = node.put_entry("xb", "E-1", entry(fingerprints=[misstated(impression=0, assume_ppi=TRUE_PPI)]))
    assert written.status_code == 201
    assert node.check("xa", finger_number=WANTED)["outcome"] == "flagged"


def test_a_true_resolution_is_spoilt_by_assuming_another(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    template = base64_of(synthetic_template(WANTED, 1, Position.RIGHT_INDEX))
    answer = node.check("xa", fingerprints=[{"template": template, "assume_ppi": 2 * TRUE_PPI}])
    assert answer["outcome"] != "flagged"


@pytest.mark.parametrize("ppi", [0, -500, 248, 2033, 500.5, "many"])
def test_only_resolutions_of_finger_scanners_may_be_assumed(node: Node, ppi: object) -> None:
    response = node.send("xa", node.request(fingerprints=[misstated(impression=1, assume_ppi=ppi)]))
    assert response.status_code == 422
    assert "assume_ppi" in response.text
