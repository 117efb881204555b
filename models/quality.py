"""Accept or refuse a face by what spoils its comparison: size, light, pose, doubt of the detector.

Blur is not judged: on photographs from the news it does not predict misses. The detector's confidence does, best of all
cheap measures, and pose after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.images import Pixels
from models.samples import Assessment, Reason, ReasonCode, Severity


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What was measured on one face.

    Args:
        eye_distance: between the eye centres, in pixels of the original image; of a face that is turned away, what it
            would be from the front.
        luminance: median luma of the face, 0..255.
        bright_share: share of the face's pixels that are blown out.
        yaw: how far the face is turned to a side, in degrees, from the landmarks; its sign is the side.
        pitch: how far it is turned up or down, in degrees, 0 for an average upright face.
        confidence: of the detector, 0..1.
    """

    eye_distance: float
    luminance: float
    bright_share: float
    yaw: float
    pitch: float
    confidence: float


def measure_face(image: Pixels, landmarks: NDArray[np.float32], confidence: float) -> FaceQuality:
    """Measure one face of an image.

    Args:
        image: uint8 (height, width, 3), BGR, as it was captured.
        landmarks: float32 (5, 2), right eye, left eye, nose tip, right and left mouth corner of the subject.
        confidence: of the detector, 0..1.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = landmarks.astype(np.float64)
    across = left_eye - right_eye
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    down = mouth - eyes
    luma = _face_luma(image, landmarks)
    return FaceQuality(
        eye_distance=float(max(np.hypot(*across), np.hypot(*down) / calibration.FACE_MOUTH_DROP)),
        luminance=float(np.median(luma)),
        bright_share=float((luma >= calibration.FACE_BLOWN_OUT_LUMA).mean()),
        yaw=_yaw(across, down, nose - eyes),
        pitch=_pitch(down, nose - eyes),
        confidence=confidence,
    )


def assess_face(quality: FaceQuality) -> Assessment:
    """Return whether a face may be compared, and what the officer at the camera can do about it."""
    return Assessment(tuple(_remarks(quality)))


def scene_remarks(image: Pixels) -> tuple[Reason, ...]:
    """Return why an image may show no face: it is dark all over."""
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return (_DARK,) if float(np.percentile(luma, 99)) < calibration.SCENE_LUMA_MINIMUM else ()


_DARK = Reason(ReasonCode.TOO_DARK, "The picture is too dark. Put more light on the face, from the front.")
_DIM = Reason(ReasonCode.TOO_DARK, "The face is dark; a match may be missed. Put more light on it.", Severity.WARNING)
_BLOWN_OUT = Reason(
    ReasonCode.TOO_BRIGHT, "The face is blown out. Shorten the exposure or keep direct light off the face."
)
_BRIGHT = Reason(
    ReasonCode.TOO_BRIGHT,
    "The face is partly blown out; a match may be missed. Shorten the exposure.",
    Severity.WARNING,
)
_TURNED = Reason(ReasonCode.TURNED_AWAY, "The face is turned away. Ask the person to look straight at the camera.")
_HALF_TURNED = Reason(
    ReasonCode.TURNED_AWAY,
    "The face is half turned away; a match may be missed. Ask the person to look straight at the camera.",
    Severity.WARNING,
)
_UNSURE = Reason(
    ReasonCode.LOW_CONFIDENCE, "The face is hard to see. Ask the person to take off what covers it, and capture again."
)
_BARELY_SURE = Reason(
    ReasonCode.LOW_CONFIDENCE,
    "The face is hard to see; a match may be missed. Capture again if time allows.",
    Severity.WARNING,
)


def _remarks(quality: FaceQuality) -> Iterator[Reason]:
    if quality.eye_distance < calibration.FACE_EYE_DISTANCE_MINIMUM:
        yield Reason(
            ReasonCode.FACE_TOO_SMALL,
            f"The eyes are {quality.eye_distance:.0f} pixels apart, {calibration.FACE_EYE_DISTANCE_MINIMUM:.0f} are "
            "needed. Bring the person closer to the camera, or send the image at full resolution.",
        )
    if quality.luminance < calibration.FACE_LUMA_WARNING:
        yield _DARK if quality.luminance < calibration.FACE_LUMA_MINIMUM else _DIM
    if quality.bright_share > calibration.FACE_BLOWN_OUT_SHARE_WARNING:
        yield _BLOWN_OUT if quality.bright_share > calibration.FACE_BLOWN_OUT_SHARE_LIMIT else _BRIGHT
    yaw, pitch = abs(quality.yaw), abs(quality.pitch)
    if yaw > calibration.FACE_YAW_WARNING or pitch > calibration.FACE_PITCH_WARNING:
        yield _TURNED if yaw > calibration.FACE_YAW_LIMIT or pitch > calibration.FACE_PITCH_LIMIT else _HALF_TURNED
    if quality.confidence < calibration.FACE_CONFIDENCE_WARNING:
        yield _UNSURE if quality.confidence < calibration.FACE_CONFIDENCE_MINIMUM else _BARELY_SURE


def _face_luma(image: Pixels, landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the luma (ITU-R BT.601) of the pixels inside the landmarks' box, widened to cheeks and forehead."""
    height, width = image.shape[:2]
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    margin = 0.25 * float((high - low).max()) + 1
    left, top = np.clip(np.floor(low - margin), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(high + margin), (left + 1, top + 1), (width, height)).astype(int)
    return np.asarray(cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2GRAY))


def _yaw(across: NDArray[np.float64], down: NDArray[np.float64], nose: NDArray[np.float64]) -> float:
    """Return the yaw in degrees: the nose tip stands before the plane of the eyes, and shifts as the head turns.

    With the nose `d` eye distances before that plane, `shift / eye distance = d tan(yaw)` in the picture.
    """
    sideways = np.array([down[1], -down[0]]) / (np.hypot(*down) + 1e-9)
    spread = max(float(across @ sideways), 1e-9)
    return float(np.degrees(np.arctan2(float(nose @ sideways) / spread, calibration.FACE_NOSE_DEPTH)))


def _pitch(down: NDArray[np.float64], nose: NDArray[np.float64]) -> float:
    """Return the pitch in degrees: the nose tip moves up and down between eyes and mouth as the head nods.

    With the nose `d` eyes-to-mouth distances before the plane of the face, `share of the way = rest + d tan(pitch)`.
    """
    share = float(nose @ down) / (float(down @ down) + 1e-9)
    depth = calibration.FACE_NOSE_DEPTH / calibration.FACE_MOUTH_DROP
    return float(np.degrees(np.arctan2(share - calibration.FACE_NOSE_REST, depth)))
