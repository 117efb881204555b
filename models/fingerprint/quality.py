"""Whether the minutiae of an impression can be those of a finger, and enough of them to compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.fingerprint.minutiae import Minutiae
from models.samples import Reason, ReasonCode, Severity

MILLIMETRES_A_PIXEL = 25.4 / 500


@dataclass(frozen=True, slots=True)
class FingerQuality:
    """What an impression is judged by.

    Attributes:
        minutiae: number of them, repetitions apart.
        area: of their convex hull, in square millimetres.
        density: minutiae a square millimetre of it; infinite where the hull has no area.
        repeated: share of the recorded minutiae that repeat the place and direction of one before them.
        spacing: mean distance of a minutia from the nearest other, repetitions apart, in pixels at 500 dpi; NaN for
            less than two.
    """

    minutiae: int
    area: float
    density: float
    repeated: float
    spacing: float


def measure(minutiae: Minutiae) -> FingerQuality:
    """Measure the minutiae of one impression (any number of them)."""
    if not len(minutiae):
        return FingerQuality(0, 0.0, np.inf, 0.0, np.nan)
    x, y = minutiae.xy.T
    squared = np.subtract.outer(x, x) ** 2 + np.subtract.outer(y, y) ** 2
    squared[np.diag_indices_from(squared)] = np.inf
    first = _first_of_its_kind(squared, minutiae.angle)
    count = int(first.sum())
    nearest = np.sqrt(squared[np.ix_(first, first)].min(axis=1)) if count > 1 else np.array([np.nan])
    area = float(cv2.contourArea(cv2.convexHull(minutiae.xy))) * MILLIMETRES_A_PIXEL**2
    density = count / area if area > 0 else np.inf
    return FingerQuality(count, area, density, 1 - count / len(minutiae), float(nearest.mean()))


def _first_of_its_kind(squared: NDArray[np.float32], angle: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of n minutiae repeat none before them, given the squares (n, n) of their distances."""
    later, earlier = np.nonzero(squared <= calibration.FINGER_REPEAT_DISTANCE**2)
    turn = np.abs(angle[later] - angle[earlier])
    same = np.minimum(turn, 2 * np.pi - turn) <= calibration.FINGER_REPEAT_ANGLE
    first = np.ones(len(angle), np.bool_)
    first[later[same & (earlier < later)]] = False
    return first


def assess_finger(quality: FingerQuality) -> tuple[Reason, ...]:
    """Return what is wrong with an impression, and what the officer at the scanner can do about it.

    Refusals come before warnings. A refused impression cannot be compared; one that is only warned of can, but half of
    its mates are missed.
    """
    return tuple(sorted(_remarks(quality), key=lambda reason: reason.severity is Severity.WARNING))


_CAPTURE_AGAIN = (
    "Clean the scanner and the finger, capture the whole fingertip again with even pressure, or use another finger."
)
TOO_FEW = Reason(ReasonCode.TOO_FEW_MINUTIAE, _CAPTURE_AGAIN)
_FEW = Reason(
    ReasonCode.TOO_FEW_MINUTIAE,
    f"The print shows little; a match may be missed. {_CAPTURE_AGAIN}",
    Severity.WARNING,
)
_TOO_SMALL = Reason(
    ReasonCode.TOO_SMALL_AREA,
    "Next to nothing of the fingertip was captured. Lay it flat on the middle of the scanner and capture it again.",
)
_SMALL = Reason(
    ReasonCode.TOO_SMALL_AREA,
    "Only a small part of the fingertip was captured; a match may be missed. Lay it flat on the middle of the scanner "
    "and capture it again.",
    Severity.WARNING,
)
_NO_FINGER = Reason(
    ReasonCode.IMPLAUSIBLE_DENSITY,
    "No finger has this many or this few minutiae in its area. Clean the scanner and capture the finger again; if it "
    "stays so, have the scanner's extractor and the resolution that it states checked.",
)
_CROWDED = Reason(
    ReasonCode.IMPLAUSIBLE_DENSITY,
    "The print has more minutiae than its area should have; a match may be missed. Clean the scanner, dry the finger "
    "and capture it again with less pressure.",
    Severity.WARNING,
)
_SPARSE = Reason(
    ReasonCode.IMPLAUSIBLE_DENSITY,
    "The print has fewer minutiae than its area should have; a match may be missed. Clean and moisten the finger and "
    "capture it again with more pressure.",
    Severity.WARNING,
)
_REPEATED = Reason(
    ReasonCode.DUPLICATE_MINUTIAE,
    "Most minutiae are recorded more than once. Capture the finger again; if it stays so, use another scanner: the "
    "extractor of this one is at fault.",
)
_PARTLY_REPEATED = Reason(
    ReasonCode.DUPLICATE_MINUTIAE,
    "Some minutiae are recorded more than once; a match may be missed. Capture the finger again; if it stays so, have "
    "the scanner's extractor checked.",
    Severity.WARNING,
)
_SCALE = Reason(
    ReasonCode.DOUBTFUL_RESOLUTION,
    "The minutiae are too close together or too far apart for the resolution that the record states; a match may be "
    "missed. Capture the finger again; if it stays so, have the resolution that the scanner states checked.",
    Severity.WARNING,
)


def _remarks(quality: FingerQuality) -> Iterator[Reason]:
    if quality.minutiae < calibration.FINGER_MINUTIAE_WARNING:
        yield TOO_FEW if quality.minutiae < calibration.FINGER_MINIMUM_MINUTIAE else _FEW
    if quality.minutiae < calibration.FINGER_MINIMUM_MINUTIAE:
        return  # so few say nothing of area and density
    if quality.repeated > calibration.FINGER_REPEATED_WARNING:
        yield _REPEATED if quality.repeated > calibration.FINGER_REPEATED_LIMIT else _PARTLY_REPEATED
    if quality.area < calibration.FINGER_AREA_WARNING:
        yield _TOO_SMALL if quality.area < calibration.FINGER_AREA_MINIMUM else _SMALL
    yield from _density_remarks(quality)
    if quality.minutiae >= calibration.FINGER_MINUTIAE_WARNING:
        low, high = calibration.FINGER_SPACING_WARNING
        if not low <= quality.spacing <= high:
            yield _SCALE


def _density_remarks(quality: FingerQuality) -> Iterator[Reason]:
    lowest, highest = calibration.FINGER_DENSITY_RANGE
    sparse, crowded = calibration.FINGER_DENSITY_WARNING
    if quality.area < calibration.FINGER_AREA_MINIMUM:
        return  # a density without an area
    if not lowest <= quality.density <= highest:
        yield _NO_FINGER
    elif quality.density > crowded:
        yield _CROWDED
    elif quality.density < sparse:
        yield _SPARSE
