from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from models.face import FaceEncoder
from models.face.align import ARCFACE, template_points
from models.face.portrait import CROP_SIDE, PORTRAIT_SIDE, cut_face, cut_portrait
from models.images import Pixels, decode_image
from models.samples import Portrait
from tests.models.pictures import as_pil, astronaut, resized, to_file, to_png


def portrait_of(encoder: FaceEncoder, picture: Pixels) -> Portrait:
    portrait = encoder.encode(to_png(picture), portrait=True).portrait
    assert portrait is not None
    return portrait


@pytest.mark.parametrize("side", [200, 512, 2000])
def test_a_portrait_shows_the_face_with_a_margin(encoder: FaceEncoder, side: int) -> None:
    picture = resized(astronaut(), side)
    portrait = portrait_of(encoder, picture)
    shown = decode_image(portrait.jpeg)
    assert max(shown.shape[:2]) <= PORTRAIT_SIDE
    found = encoder.find(picture)
    assert found.landmarks is not None
    original, kept = cut_face(found.image, found.landmarks), cut_face(shown, np.array(portrait.landmarks))
    assert np.abs(original.astype(float) - kept.astype(float)).mean() < 6


def test_it_is_recognised_as_the_same_person(encoder: FaceEncoder) -> None:
    sample = encoder.encode(to_png(astronaut()), portrait=True)
    assert sample.portrait is not None
    vector = encoder.encode(sample.portrait.jpeg).vector
    assert vector is not None
    assert sample.vector is not None
    assert encoder.calibration.score(float(vector @ sample.vector)) > 6.5


def test_it_stands_upright_and_carries_no_metadata(encoder: FaceEncoder) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken in the office of Ottoline Quillfeather"
    on_its_side = as_pil(np.ascontiguousarray(np.rot90(astronaut())))
    sample = encoder.encode(to_file(on_its_side, "JPEG", quality=95, exif=exif), portrait=True)
    assert sample.portrait is not None
    right_eye, left_eye, nose, *_ = sample.portrait.landmarks
    assert right_eye[0] < left_eye[0]
    assert nose[1] > max(right_eye[1], left_eye[1])
    shown = Image.open(io.BytesIO(sample.portrait.jpeg))
    assert shown.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert b"Ottoline" not in sample.portrait.jpeg


def test_none_is_made_unasked_nor_of_what_is_refused(encoder: FaceEncoder) -> None:
    assert encoder.encode(to_png(astronaut())).portrait is None
    blank = np.full((300, 300, 3), 128, np.uint8)
    assert encoder.encode(to_png(blank), portrait=True).portrait is None


def test_notes_of_the_quality_come_along(encoder: FaceEncoder) -> None:
    dim = (astronaut().astype(np.float32) * 0.13).astype(np.uint8)
    sample = encoder.encode(to_png(dim), portrait=True)
    assert sample.portrait is not None
    assert sample.portrait.notes == tuple(reason.code for reason in sample.assessment.reasons) != ()


def test_a_face_at_the_edge_is_cut_as_far_as_the_image_reaches(encoder: FaceEncoder) -> None:
    picture = astronaut()[40:, 140:330]
    sample = encoder.encode(to_png(picture), portrait=True)
    assert sample.box is not None
    assert sample.landmarks is not None
    portrait = cut_portrait(picture, (-20.0, -30.0, 60.0, 5000.0), sample.landmarks)
    height, width = decode_image(portrait.jpeg).shape[:2]
    assert (height, width) == (picture.shape[0], 70)


def test_a_cut_out_face_lies_as_it_is_compared(encoder: FaceEncoder) -> None:
    picture = astronaut()
    found = encoder.find(picture)
    assert found.landmarks is not None
    face = cut_face(found.image, found.landmarks)
    assert face.shape == (CROP_SIDE, CROP_SIDE, 3)
    seen = encoder.find(cv2.copyMakeBorder(face, 100, 100, 100, 100, cv2.BORDER_REPLICATE))
    assert seen.landmarks is not None
    assert np.abs(seen.landmarks - 100 - template_points(ARCFACE, CROP_SIDE)).max() < 0.08 * CROP_SIDE
