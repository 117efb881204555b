from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models.calibration import FACE
from models.errors import MalformedImage, ModelFileError
from models.evaluation.manifest import read_face_manifest
from models.face import FaceEncoder, FaceSample
from models.samples import ReasonCode, Severity
from models.weights import ModelStore
from tests.models.pictures import Pixels, as_pil, astronaut, resized, to_file, to_png

PORTRAIT = astronaut()
FACE_ALONE = PORTRAIT[0:300, 60:360]
"""A square around the face: eyes some 45 pixels apart."""


def vector_of(sample: FaceSample) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    assert sample.assessment.accepted
    assert sample.vector is not None
    return sample.vector


def codes(sample: FaceSample, severity: Severity = Severity.REFUSED) -> list[ReasonCode]:
    return [reason.code for reason in sample.assessment.reasons if reason.severity is severity]


@pytest.fixture(scope="module")
def reference(encoder: FaceEncoder) -> FaceSample:
    return encoder.encode(to_png(PORTRAIT))


def test_a_portrait_gives_a_unit_vector(encoder: FaceEncoder, reference: FaceSample) -> None:
    vector = vector_of(reference)
    assert vector.dtype == np.float32
    assert vector.shape == (encoder.dimension,) == (256,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert encoder.model == "dlib-sface-1"
    assert encoder.calibration is FACE
    assert reference.box is not None
    assert reference.landmarks is not None
    left, top, width, height = reference.box
    assert (reference.landmarks >= (left, top)).all()
    assert (reference.landmarks <= (left + width, top + height)).all()
    assert reference.confidence > 0.8


@pytest.mark.parametrize("side", [150, 200, 320, 321, 700, 1400, 2600])
def test_the_size_of_the_image_hardly_matters(encoder: FaceEncoder, reference: FaceSample, side: int) -> None:
    """150 pixels leave 13 between the eyes; the others pass through each of the canvases."""
    picture = cv2.resize(PORTRAIT, (side, side), interpolation=cv2.INTER_AREA if side < 512 else cv2.INTER_CUBIC)
    similarity = float(vector_of(encoder.encode(to_png(picture))) @ vector_of(reference))
    assert encoder.calibration.score(similarity) > 6.5


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 85}), ("WEBP", {}), ("JPEG2000", {"quality_layers": [40]})]
)
def test_formats_and_colour_modes_hardly_matter(
    encoder: FaceEncoder, reference: FaceSample, kind: str, options: dict[str, object]
) -> None:
    for mode in ("RGB", "L", "CMYK"):
        if mode != "CMYK" or kind == "JPEG":
            sample = encoder.encode(to_file(as_pil(PORTRAIT).convert(mode), kind, **options))
            assert encoder.calibration.score(float(vector_of(sample) @ vector_of(reference))) > 6.5


def test_a_picture_turned_by_its_exif_is_found_where_it_stands(encoder: FaceEncoder, reference: FaceSample) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = to_file(as_pil(np.ascontiguousarray(np.rot90(PORTRAIT))), "PNG", exif=exif)
    assert vector_of(encoder.encode(turned)) == pytest.approx(vector_of(reference), abs=1e-6)


@pytest.mark.parametrize("degrees", [45, 90, 180, 270, 315])
def test_a_turned_picture_is_turned_upright(encoder: FaceEncoder, reference: FaceSample, degrees: int) -> None:
    turned = as_pil(astronaut()).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(128, 128, 128))
    sample = encoder.encode(to_file(turned, "PNG"))
    assert sample.vector is not None
    assert reference.vector is not None
    assert float(sample.vector @ reference.vector) > 0.8


def test_sixteen_bits_change_nothing(encoder: FaceEncoder, reference: FaceSample) -> None:
    wide = encoder.encode(to_png(PORTRAIT.astype(np.uint16) * 257))
    assert vector_of(wide) == pytest.approx(vector_of(reference), abs=1e-6)


def test_a_mirror_image_is_still_the_person(encoder: FaceEncoder, reference: FaceSample) -> None:
    mirrored = vector_of(encoder.encode(to_png(np.ascontiguousarray(PORTRAIT[:, ::-1]))))
    assert encoder.calibration.score(float(mirrored @ vector_of(reference))) > 5


def test_no_face_is_refused(encoder: FaceEncoder) -> None:
    ramp = np.tile(np.linspace(40, 220, 400, dtype=np.uint8)[None, :, None], (300, 1, 3))
    sample = encoder.encode(to_png(ramp))
    assert codes(sample) == [ReasonCode.NO_FACE]
    assert sample.vector is None
    assert sample.box is None


@pytest.mark.parametrize("side", [1, 7])
def test_a_speck_of_an_image_has_no_face(encoder: FaceEncoder, side: int) -> None:
    assert codes(encoder.encode(to_png(np.full((side, side, 3), 128, np.uint8)))) == [ReasonCode.NO_FACE]


@pytest.mark.parametrize("shape", [(4, 6000, 3), (6000, 4, 3)])
def test_a_sliver_of_an_image_has_no_face(encoder: FaceEncoder, shape: tuple[int, int, int]) -> None:
    assert codes(encoder.encode(to_png(np.full(shape, 128, np.uint8)))) == [ReasonCode.NO_FACE]


def test_two_people_side_by_side_are_refused(encoder: FaceEncoder) -> None:
    assert codes(encoder.encode(to_png(np.hstack([FACE_ALONE, FACE_ALONE[:, ::-1]])))) == [ReasonCode.SEVERAL_FACES]


def test_a_small_bystander_is_ignored(encoder: FaceEncoder, reference: FaceSample) -> None:
    crowd = np.hstack([PORTRAIT, np.full((512, 120, 3), 90, np.uint8)])
    crowd[300:420, 512:632] = resized(FACE_ALONE, 120)
    similarity = float(vector_of(encoder.encode(to_png(crowd))) @ vector_of(reference))
    assert encoder.calibration.score(similarity) > 6.5


def test_a_face_that_is_too_small_is_refused(encoder: FaceEncoder) -> None:
    sample = encoder.encode(to_png(resized(FACE_ALONE, 60)))
    assert codes(sample) == [ReasonCode.FACE_TOO_SMALL]
    assert "pixels apart" in sample.assessment.reasons[0].hint
    assert sample.vector is None
    assert sample.box is not None


def test_a_dark_face_is_refused_or_warned_of(encoder: FaceEncoder) -> None:
    refused = encoder.encode(to_png((PORTRAIT * 0.06).astype(np.uint8)))
    assert ReasonCode.TOO_DARK in codes(refused)
    assert refused.vector is None
    warned = encoder.encode(to_png((PORTRAIT * 0.13).astype(np.uint8)))
    assert ReasonCode.TOO_DARK in codes(warned, Severity.WARNING)
    assert warned.vector is not None


def test_an_image_too_dark_to_show_a_face_says_so(encoder: FaceEncoder) -> None:
    assert codes(encoder.encode(to_png((PORTRAIT * 0.01).astype(np.uint8)))) == [
        ReasonCode.NO_FACE,
        ReasonCode.TOO_DARK,
    ]


def test_a_blown_out_face_is_refused(encoder: FaceEncoder) -> None:
    bright = np.clip(PORTRAIT.astype(np.int32) * 2, 0, 255).astype(np.uint8)
    assert ReasonCode.TOO_BRIGHT in codes(encoder.encode(to_png(bright)))


def test_damaged_images_are_the_senders_fault(encoder: FaceEncoder) -> None:
    with pytest.raises(MalformedImage):
        encoder.encode(to_file(as_pil(PORTRAIT), "JPEG")[:9000])


def test_many_threads_get_the_answers_of_one(encoder: FaceEncoder) -> None:
    pictures: list[Pixels] = [np.ascontiguousarray(PORTRAIT[top : top + 300, 60:360]) for top in range(0, 40, 5)]
    files = [to_png(picture) for picture in pictures]
    alone = [vector_of(encoder.encode(file)) for file in files]
    with ThreadPoolExecutor(8) as pool:
        together = [vector_of(sample) for sample in pool.map(encoder.encode, files * 4)]
    assert np.array_equal(np.stack(together), np.stack(alone * 4))


def test_the_path_of_a_check_imports_neither_dlib_nor_face_recognition() -> None:
    program = "import sys, models.face; sys.exit(str({'dlib', 'face_recognition', 'onnx'} & set(sys.modules) or ''))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_an_unprepared_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        FaceEncoder(ModelStore(tmp_path))
    assert "crosscheck models prepare" in caught.value.hint


@pytest.mark.skipif("CROSSCHECK_TEST_DATA" not in os.environ, reason="needs the folder of labelled faces")
def test_every_labelled_face_enrols(encoder: FaceEncoder) -> None:
    samples = read_face_manifest(Path(os.environ["CROSSCHECK_TEST_DATA"]) / "faces")
    refused = [sample.path.name for sample in samples if encoder.encode(sample.path.read_bytes()).vector is None]
    assert refused == []
