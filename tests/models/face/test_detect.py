from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.face.choose import choose_subject
from models.face.detect import DetectedFace, FaceDetector
from models.samples import Reason, ReasonCode
from tests.models.pictures import astronaut

PORTRAIT = astronaut()


def face(left: float, top: float, side: float) -> DetectedFace:
    return DetectedFace((left, top, side, side), np.zeros((5, 2), np.float32), 0.9, side)


@pytest.mark.parametrize(
    ("width", "height"), [(300, 300), (600, 400), (400, 600), (600, 600), (1600, 900), (900, 1600)]
)
def test_landmarks_are_in_pixels_of_the_image_on_every_canvas(detector: FaceDetector, width: int, height: int) -> None:
    """The portrait at many sizes and places; its landmarks, marked by hand, must move with it."""
    side = min(width, height)
    offset = np.array([width - side, height - side])
    picture = np.zeros((height, width, 3), np.uint8)
    picture[offset[1] :, offset[0] :] = cv2.resize(PORTRAIT, (side, side), interpolation=cv2.INTER_AREA)
    found = detector.detect(picture)
    assert len(found) == 1
    seen = detector.look_again(picture, found[0])
    eyes_nose_mouth = np.array([[203, 101], [247, 103], [224, 127], [204, 141], [244, 142]])
    wanted = eyes_nose_mouth * (side / 512) + offset
    assert np.abs(seen.landmarks - wanted).max() < 0.012 * side  # 6 pixels of 512; the eyes are 44 apart


def test_each_person_is_found_once(detector: FaceDetector) -> None:
    pair = np.hstack([PORTRAIT[0:300, 60:360], PORTRAIT[0:300, 60:360]])
    found = detector.detect(pair)
    assert len(found) == 2
    assert abs(found[0].box[0] - found[1].box[0]) == pytest.approx(300, abs=5)


def test_a_face_too_small_for_the_first_look_is_found_by_the_finer_one(detector: FaceDetector) -> None:
    """At 640 pixels this face is 10 pixels wide, at 1024 it is 16."""
    picture = np.full((2400, 2400, 3), 120, np.uint8)
    small = cv2.resize(PORTRAIT[0:300, 60:360], (96, 96), interpolation=cv2.INTER_AREA)
    picture[1152:1248, 1152:1248] = small
    found = detector.detect(picture)
    assert len(found) == 1
    assert found[0].box[0] == pytest.approx(1152 + 40, abs=20)


def test_the_close_up_prefers_no_side(detector: FaceDetector) -> None:
    """The landmarks of a mirror image are the mirror image of the landmarks."""
    first = replace(detector.detect(PORTRAIT)[0], seen_side=1.0)
    left, top, width, height = first.box
    mirrored = replace(first, box=(511 - left - width, top, width, height))
    straight = detector.look_again(PORTRAIT, first).landmarks
    other = detector.look_again(np.ascontiguousarray(PORTRAIT[:, ::-1]), mirrored).landmarks[[1, 0, 2, 4, 3]]
    assert np.abs(np.abs(other - (511, 0)) - straight).max() < 0.1


def test_a_face_lost_in_the_close_up_stays_as_it_was(detector: FaceDetector) -> None:
    nobody = face(10, 10, 40)
    assert detector.look_again(np.zeros((100, 100, 3), np.uint8), replace(nobody, seen_side=400.0)).landmarks.max() == 0


def test_the_large_and_central_face_is_the_subject() -> None:
    subject, bystander = face(100, 100, 100), face(10, 10, 60)
    assert choose_subject([bystander, subject], 300, 300) is subject
    assert choose_subject([subject], 300, 300) is subject


def test_a_larger_face_at_the_edge_is_a_bystander() -> None:
    subject, bystander = face(110, 110, 80), face(220, 220, 88)
    assert choose_subject([bystander, subject], 300, 300) is subject


@pytest.mark.parametrize("second", [face(40, 100, 100), face(160, 100, 100), face(100, 30, 110)])
def test_comparably_prominent_faces_are_refused(second: DetectedFace) -> None:
    answer = choose_subject([face(100, 100, 100), second], 300, 300)
    assert isinstance(answer, Reason)
    assert answer.code is ReasonCode.SEVERAL_FACES


def test_nobody_is_refused() -> None:
    answer = choose_subject([], 300, 300)
    assert isinstance(answer, Reason)
    assert answer.code is ReasonCode.NO_FACE
