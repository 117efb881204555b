from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.quality import FaceQuality, assess_face, measure_face
from models.samples import ReasonCode, Severity

GOOD = FaceQuality(eye_distance=60, luminance=120, bright_share=0, yaw=3, pitch=-2, confidence=0.93)


def project(yaw: float, pitch: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Landmarks of a head turned by so many degrees: eyes 63 mm apart, mouth 66 mm below, nose 27 mm before them."""
    head = np.array([[-31.5, 0, 0], [31.5, 0, 0], [0, 37, 27], [-25, 66, 0], [25, 66, 0]])
    y, p = np.radians(yaw), np.radians(pitch)
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    return np.asarray((head @ about_x.T @ about_y.T)[:, :2] + 150, dtype=np.float32)


@pytest.mark.parametrize("yaw", [-60, -30, 0, 20, 50])
def test_yaw_is_measured(yaw: float) -> None:
    quality = measure_face(np.full((300, 300, 3), 120, np.uint8), project(yaw, 0), 0.9)
    assert quality.yaw == pytest.approx(yaw, abs=3)
    assert quality.pitch == pytest.approx(0, abs=3)


@pytest.mark.parametrize("pitch", [-30, -10, 15, 35])
def test_pitch_is_measured(pitch: float) -> None:
    quality = measure_face(np.full((300, 300, 3), 120, np.uint8), project(0, pitch), 0.9)
    assert quality.pitch == pytest.approx(pitch, abs=3)
    assert quality.yaw == pytest.approx(0, abs=3)


@pytest.mark.parametrize("yaw", [0, 45, 70])
def test_a_turned_face_is_not_a_small_one(yaw: float) -> None:
    quality = measure_face(np.full((300, 300, 3), 120, np.uint8), project(yaw, 0), 0.9)
    assert quality.eye_distance == pytest.approx(63, abs=2)


def test_light_is_measured_on_the_face_alone() -> None:
    image = np.full((300, 300, 3), 255, np.uint8)
    image[100:260, 100:220] = 40
    quality = measure_face(image, project(0, 0), 0.9)
    assert quality.luminance == 40
    assert quality.bright_share < 0.2


def test_a_face_over_the_edge_of_the_image_is_measured() -> None:
    for shift in (-400, -150, 150, 400):
        quality = measure_face(np.full((300, 300, 3), 77, np.uint8), project(0, 0) + np.float32(shift), 0.9)
        assert quality.luminance == 77


def test_landmarks_that_coincide_are_no_fault() -> None:
    quality = measure_face(np.full((300, 300, 3), 77, np.uint8), np.full((5, 2), 9, np.float32), 0.9)
    assert not assess_face(quality).accepted


def test_a_good_face_has_no_remarks() -> None:
    assert assess_face(GOOD).reasons == ()


@pytest.mark.parametrize(
    ("quality", "code", "severity"),
    [
        (replace(GOOD, eye_distance=11), ReasonCode.FACE_TOO_SMALL, Severity.REFUSED),
        (replace(GOOD, luminance=10), ReasonCode.TOO_DARK, Severity.REFUSED),
        (replace(GOOD, luminance=20), ReasonCode.TOO_DARK, Severity.WARNING),
        (replace(GOOD, bright_share=0.6), ReasonCode.TOO_BRIGHT, Severity.REFUSED),
        (replace(GOOD, bright_share=0.3), ReasonCode.TOO_BRIGHT, Severity.WARNING),
        (replace(GOOD, yaw=-75), ReasonCode.TURNED_AWAY, Severity.REFUSED),
        (replace(GOOD, yaw=50), ReasonCode.TURNED_AWAY, Severity.WARNING),
        (replace(GOOD, pitch=45), ReasonCode.TURNED_AWAY, Severity.REFUSED),
        (replace(GOOD, pitch=-30), ReasonCode.TURNED_AWAY, Severity.WARNING),
        (replace(GOOD, confidence=0.7), ReasonCode.LOW_CONFIDENCE, Severity.REFUSED),
        (replace(GOOD, confidence=0.8), ReasonCode.LOW_CONFIDENCE, Severity.WARNING),
    ],
)
def test_each_fault_has_its_reason_and_a_hint(quality: FaceQuality, code: ReasonCode, severity: Severity) -> None:
    (reason,) = assess_face(quality).reasons
    assert (reason.code, reason.severity) == (code, severity)
    assert len(reason.hint.split()) > 5
    assert assess_face(quality).accepted is (severity is Severity.WARNING)
