"""Evaluations from files to figures: synthetic fingers, portraits that come with packages, the command line."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image, ImageFile
from typer.testing import CliRunner

from models.evaluation.faces import EncodedFaces, comparison_speed, encode_faces
from models.evaluation.fingerprints import compare_fingers, encode_fingers
from models.evaluation.manifest import LabelledSample, ManifestError, read_fingerprint_manifest, same_impressions
from models.evaluation.reference import load_reference
from models.fingerprint.formats import iso2005
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from models.score_calibration import ScoreCalibration
from models.weights import ModelStore
from service.commands.evaluate import commands
from service.commands.portraits import ENROLLED, OTHER, PROBE, portraits

pytestmark = pytest.mark.slow

RUNNER = CliRunner()


def silent(_step: str, _share: float) -> None:
    """Progress that nobody watches."""


def write_fingers(folder: Path, fingers: int, impressions: int, *, set_name: str = "s1") -> Path:
    lines = ["path,set,finger,impression"]
    for finger in range(fingers):
        for impression in range(impressions):
            name = f"{finger}_{impression}.iso"
            template = synthetic_template(finger, impression, Position.RIGHT_INDEX)
            (folder / name).write_bytes(template)
            lines.append(f"{name},{set_name},{finger},{impression}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def fingers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fingers(tmp_path_factory.mktemp("fingers"), 12, 3)


def run_json(*arguments: str) -> dict[str, Any]:
    result = RUNNER.invoke(commands, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    figures: dict[str, Any] = json.loads(result.stdout)
    return figures


def test_synthetic_fingers_are_told_apart(fingers: Path) -> None:
    figures = run_json("fingerprints", str(fingers))
    assert figures["modality"] == "fingerprint"
    assert (figures["samples"], figures["subjects"]) == (36, 12)
    assert (figures["mated"], figures["nonmated"]) == (36, 594)
    assert figures["fte"] == 0.0
    assert figures["eer"] <= 0.1
    assert figures["rank1"] >= 0.9
    assert figures["fnmr_at_fmr"]["0.001"] is None
    assert figures["encode_ms"] > 0
    assert figures["comparisons_per_second"] > 0
    assert figures["intervals"]["fte"][1] == pytest.approx(1 - 0.025 ** (1 / 12), abs=1e-6)


def test_a_file_that_is_no_template_is_a_failure_to_enrol(tmp_path: Path) -> None:
    write_fingers(tmp_path, 6, 2)
    (tmp_path / "0_0.iso").write_bytes(b"not a template")
    figures = run_json("fingerprints", str(tmp_path))
    assert figures["fte"] == pytest.approx(1 / 12, abs=1e-6)
    assert figures["rank1"] <= 5 / 6
    assert figures["fnmr_at_fmr"]["0.01"] is None  # 60 non-mated comparisons


def test_each_pair_is_compared_once_and_without_regard_to_positions(tmp_path: Path) -> None:
    """The manifest says whose finger it is; a record that names another position must still be compared."""
    paths = []
    for number, position in enumerate((Position.LEFT_THUMB, Position.RIGHT_INDEX, Position.UNKNOWN)):
        paths.append(tmp_path / f"{number}.iso")
        paths[-1].write_bytes(synthetic_template(1, number, position))
    encoded = encode_fingers([LabelledSample(path, "f") for path in paths], silent)
    similarity, speed = compare_fingers(encoded, silent)
    assert similarity.shape == (3, 3)
    assert (similarity == similarity.T).all()
    off_diagonal = similarity[~np.eye(3, dtype=np.bool_)]
    assert (off_diagonal > 0).all()
    assert np.isneginf(np.diag(similarity)).all()
    assert speed > 0


def test_a_wrong_resolution_can_be_put_right_for_all_records(fingers: Path, tmp_path: Path) -> None:
    for path in fingers.iterdir():
        if path.suffix == ".iso":
            record = iso2005.read_record(path.read_bytes())
            wrong = iso2005.write_record(replace(record, x_resolution=400, y_resolution=400))
            (tmp_path / path.name).write_bytes(wrong)
    samples = read_fingerprint_manifest(fingers)
    right = encode_fingers(samples, silent)
    moved = [replace(sample, path=tmp_path / sample.path.name) for sample in samples]
    assert encode_fingers(moved, silent).templates != right.templates
    assert encode_fingers(moved, silent, assume_ppi=500).templates == right.templates


def test_extractors_are_compared_with_each_other(fingers: Path, tmp_path: Path) -> None:
    """An impression meets all others as the other folder has them, not itself: 36 samples, each pair once."""
    for path in fingers.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (fingers / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]), encoding="utf-8")
    alone, across = (
        run_json("fingerprints", str(fingers)),
        run_json("fingerprints", str(fingers), "--against", str(tmp_path)),
    )
    assert (across["mated"], across["nonmated"]) == (36, 594)
    assert (across["eer"], across["rank1"]) == (alone["eer"], alone["rank1"])
    (tmp_path / "0_0.iso").write_bytes((tmp_path / "1_1.iso").read_bytes())
    assert run_json("fingerprints", str(fingers), "--against", str(tmp_path))["rank1"] < alone["rank1"]


def test_another_folder_without_some_impressions_is_refused(fingers: Path, tmp_path: Path) -> None:
    lines = (fingers / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join(lines[:-2]), encoding="utf-8")
    for line in lines[1:-2]:
        name = line.split(",")[0]
        (tmp_path / name).write_bytes((fingers / name).read_bytes())
    samples = read_fingerprint_manifest(fingers)
    with pytest.raises(ManifestError, match="2 of 36 impressions"):
        same_impressions(samples, tmp_path, read_fingerprint_manifest(tmp_path))


def test_table_plot_and_limit(fingers: Path, tmp_path: Path) -> None:
    plot = tmp_path / "det.svg"
    result = RUNNER.invoke(
        commands, ["fingerprints", str(fingers), "--limit", "18", "--plot", str(plot)], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "18 samples of 6 subjects" in " ".join(result.stdout.split())
    assert "EER" in result.stdout
    assert "too few samples" in result.stdout
    assert ET.fromstring(plot.read_text(encoding="utf-8")).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_fitted_calibration_is_printed_as_a_manifest_takes_it(tmp_path: Path) -> None:
    folder = write_fingers(tmp_path, 40, 2)
    result = RUNNER.invoke(commands, ["fingerprints", str(folder), "--fit"], catch_exceptions=False)
    assert result.exit_code == 0
    printed = tomllib.loads(result.stdout[result.stdout.index("[face.calibration]") :])["face"]["calibration"]
    calibration = ScoreCalibration(knots=tuple(map(tuple, printed["knots"])), source=printed["source"])
    assert calibration.cap == 8.0
    assert "3,120 non-mated comparisons of 40 subjects" in calibration.source


def test_a_manifest_error_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    for command in ("faces", "fingerprints"):
        result = RUNNER.invoke(commands, [command, str(tmp_path)])
        assert isinstance(result.exception, ManifestError)
        assert result.stdout == ""


@pytest.mark.parametrize("plot", ["det.png", "nowhere/det.svg"])
def test_a_plot_that_cannot_be_written_is_refused_first(fingers: Path, tmp_path: Path, plot: str) -> None:
    result = RUNNER.invoke(commands, ["fingerprints", str(fingers), "--plot", str(tmp_path / plot)])
    assert result.exit_code == 2
    assert ".svg" in result.output


def test_encoding_keeps_the_order_and_marks_failures(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    samples = [LabelledSample(tmp_path / name, name) for name in ("a", "b", "c")]
    known = {b"a": np.array([1.0, 0.0], dtype=np.float32), b"c": np.array([0.0, 1.0], dtype=np.float32)}
    faces = encode_faces(samples, known.get, silent)
    assert isinstance(faces, EncodedFaces)
    assert faces.failed.tolist() == [False, True, False]
    assert faces.vectors.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    assert (faces.milliseconds > 0).all()


def test_comparison_speed_is_counted() -> None:
    assert comparison_speed(np.ones((50, 16), dtype=np.float32), seconds=0.02) > 1000


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with two images each, a third with one, and a file that is no image."""
    folder = tmp_path_factory.mktemp("faces")
    images = portraits()
    for name, image in images.items():
        (folder / name).write_bytes(image)
    with Image.open(folder / "astronaut.png") as astronaut:
        astronaut.convert("RGB").resize((400, 400)).save(folder / "astronaut.jpg", quality=80)
    (folder / "broken.jpg").write_bytes(images[OTHER][:2000])
    people = {ENROLLED: "o", PROBE: "o", "astronaut.png": "a", "astronaut.jpg": "a", OTHER: "b", "broken.jpg": "c"}
    lines = ["path,identity", *(f"{name},{person}" for name, person in people.items())]
    (folder / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_faces_beside_the_reference(faces: Path, model_store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCHECK_MODELS", str(model_store.folder))
    figures = run_json("faces", str(faces), "--reference")
    assert (figures["modality"], figures["samples"], figures["subjects"]) == ("face", 6, 4)
    assert (figures["mated"], figures["nonmated"]) == (2, 13)
    assert figures["fte"] == pytest.approx(1 / 6, abs=1e-6)
    assert figures["eer"] == 0.0
    assert figures["rank1"] == 1.0
    assert figures["encode_ms"] > 0
    beside = figures["reference"]
    assert beside["name"] == "face_recognition"
    assert beside["fte"] == pytest.approx(1 / 6, abs=1e-6)
    assert beside["eer"] == 0.0
    assert list(beside["fnmr_at_fmr"]) == ["0.01", "0.001", "0.0001"]
    assert beside["times_slower"] == pytest.approx(beside["encode_ms"] / figures["encode_ms"], abs=0.01)


def test_the_reference_leaves_the_process_as_it_was() -> None:
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    encode = load_reference()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    whole = portraits()[OTHER]
    vector = encode(whole)
    assert vector is not None
    assert vector.shape == (128,)
    assert encode(whole[: len(whole) // 2]) is None


def test_nothing_but_the_reference_imports_face_recognition() -> None:
    """The package quits the process, loads a model that may not be sold, and holds the GIL."""
    root = Path(__file__).parents[2]
    importers = {
        str(path.relative_to(root))
        for package in ("models", "watchlists", "service")
        for path in (root / package).rglob("*.py")
        if re.search(r"^\s*(import|from) face_recognition(\s|\.|$)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importers == {"models/evaluation/reference.py"}


@pytest.mark.skipif("CROSSCHECK_TEST_DATA" not in os.environ, reason="CROSSCHECK_TEST_DATA names no folder")
@pytest.mark.parametrize(("folder", "eer"), [("fingerprints", 0.035), ("fingerprints-mindtct", 0.038)])
def test_real_fingerprints_meet_the_bar(folder: str, eer: float) -> None:
    figures = run_json("fingerprints", str(Path(os.environ["CROSSCHECK_TEST_DATA"]) / folder))
    assert figures["fte"] == 0.0
    assert figures["eer"] <= eer
    assert figures["fnmr_at_fmr"]["0.001"] <= 0.12
    assert figures["rank1"] >= 0.965


@pytest.mark.skipif("CROSSCHECK_TEST_DATA" not in os.environ, reason="CROSSCHECK_TEST_DATA names no folder")
def test_real_faces_meet_the_bar(model_store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCHECK_MODELS", str(model_store.folder))
    figures = run_json("faces", str(Path(os.environ["CROSSCHECK_TEST_DATA"]) / "faces"))
    assert figures["fte"] == 0.0
    assert figures["eer"] <= 0.006
    assert figures["fnmr_at_fmr"]["0.001"] <= 0.015
