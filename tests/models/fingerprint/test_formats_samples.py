"""Records of other people's writers, where `CROSSCHECK_TEST_DATA` names a folder that holds them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint import formats
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.formats import Format, Record, View
from models.fingerprint.matcher import compare
from tests.models.fingerprint.record_bytes import WRITTEN, mutate

FOLDER = Path(os.environ.get("CROSSCHECK_TEST_DATA", "")) / "fingerprint-formats"
KINDS = {"OTHER": 0, "EITHER": 0, "ENDING": 1, "BIFURCATION": 2}
FORMATS = {
    "ansi378v2004-sample": Format.ANSI_2004,
    "ansi378v2009-sample": Format.ANSI_2009,
    "ansi378v2009am1-sample": Format.ANSI_2009_AMENDMENT_1,
    "iso19794p2v2005-sample": Format.ISO_2005,
    "iso19794p2v2011-sample": Format.ISO_2011,
    "iso-probe": Format.ISO_2005,
    "iso-matching": Format.ISO_2005,
    "iso-nonmatching": Format.ISO_2005,
}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="CROSSCHECK_TEST_DATA names no folder with sample records")


def sample(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def seen_by_us(record: Record, view: View) -> dict[str, Any]:
    sampling = record.sampling(view)
    return {
        "position": view.position.name,
        "view": view.number,
        "quality": view.quality,
        "width": sampling.width,
        "height": sampling.height,
        "resolutionX": sampling.x_resolution,
        "resolutionY": sampling.y_resolution,
        "minutiae": [tuple(minutia) for minutia in view.minutiae],
    }


def seen_by_others(record: dict[str, Any], view: dict[str, Any]) -> dict[str, Any]:
    fields = ("position", "view", "width", "height", "resolutionX", "resolutionY")
    seen = {field: view.get(field, record.get(field)) for field in fields}
    seen["quality"] = view["quality"] if "quality" in view else view["qrecords"][0]["quality"]
    seen["minutiae"] = [
        (KINDS[m["type"]], m["positionX"], m["positionY"], m["angle"], m["quality"]) for m in view["minutiae"]
    ]
    return seen


@pytest.mark.parametrize("name", FORMATS)
def test_a_sample_is_read_in_its_format_and_written_back(name: str) -> None:
    unverified = sample(name)
    record = formats.read_record(unverified)
    assert record.format is FORMATS[name]
    if record.format in WRITTEN:
        written = formats.write_record(record)
        assert written == unverified[: len(written)]
        assert not any(unverified[len(written) :])


@pytest.mark.parametrize("name", [name for name in FORMATS if name.endswith("-sample")])
def test_a_sample_is_read_as_others_read_it(name: str) -> None:
    record = formats.read_record(sample(name))
    decoded = json.loads((FOLDER / f"{name}.json").read_text())
    expected = [seen_by_others(decoded, view) for view in decoded["fingerprints"]]
    assert [seen_by_us(record, view) for view in record.views] == expected


def test_samples_cut_short_are_refused_with_the_reason() -> None:
    paths = sorted((FOLDER / "openafis_invalid").rglob("*.iso"))
    assert paths
    for path in paths:
        with pytest.raises(MalformedTemplate, match="claims to be 30 bytes long, but has 2"):
            formats.read_record(path.read_bytes())


def test_the_same_minutiae_match_across_formats() -> None:
    """The editions' samples are one example in different units; only those that rounding moved differ."""
    names = [name for name in FORMATS if name.endswith("-sample")]
    templates = [encode_fingerprint(sample(name), None).templates[0] for name in names]
    for template in templates[1:]:
        assert compare(templates[0], template) > 0.9 * compare(templates[0], templates[0])


def test_the_mate_scores_higher_than_the_other_finger() -> None:
    probe, mate, other = (
        encode_fingerprint(sample(f"iso-{name}"), None).templates[0] for name in ("probe", "matching", "nonmatching")
    )
    assert compare(probe, mate) > 5 * compare(probe, other)


@given(st.integers(0, 2**32 - 1).map(Random), st.sampled_from(sorted(FORMATS)), st.sampled_from(sorted(FORMATS)))
def test_a_damaged_sample_is_read_or_refused_by_its_format(random: Random, name: str, other: str) -> None:
    damaged = sample(name)
    for _ in range(random.randint(1, 3)):
        damaged = mutate(random, damaged, sample(other))
    try:
        record = formats.read_record(damaged)
    except (MalformedTemplate, UnsupportedTemplate):
        return
    assert len(record.views) >= 1
