"""Pictures of faces for people to look at: what is kept of a sample, and the face cut out as it is compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face.align import ARCFACE, align
from models.images import Pixels
from models.samples import Portrait, ReasonCode

PORTRAIT_SIDE: Final = 480
"""Longest side of a portrait in pixels: a face in it is some 240 wide, four times what the networks look at."""
MARGIN: Final = 0.5
"""Shares of the face's box that a portrait shows on each side of it: hair, ears, chin and neck."""
CROP_SIDE: Final = 336
"""Side of a face cut out for people, in pixels: three times the chip that SFace compares."""
_QUALITY: Final = 85
"""Of JPEG. A portrait takes 10 to 45 KB and 1 to 3 ms; as WebP half of that and 30 to 75 ms, which would make it the
dearest step of an enrolment."""

Box = tuple[float, float, float, float]
Landmarks = NDArray[np.floating]


def cut_portrait(image: Pixels, box: Box, landmarks: Landmarks, notes: Iterable[ReasonCode] = ()) -> Portrait:
    """Cut the face with a margin out of an image, scaled down where it is larger than a portrait is.

    Args:
        image: uint8 (height, width, 3), BGR, upright.
        box: left, top, width, height of the face in pixels of the image.
        landmarks: float (5, 2), likewise.
        notes: what the quality check warned of.
    """
    left, top, right, bottom = _with_margin(image, box)
    picture = shrunk(image[top:bottom, left:right], PORTRAIT_SIDE)
    scale = picture.shape[1] / (right - left)
    # Pixel x of the image lies at scale * (x - left + 0.5) - 0.5 of the picture.
    points = (landmarks.astype(np.float64) - (left, top) + 0.5) * scale - 0.5
    return Portrait(to_jpeg(picture), tuple((float(x), float(y)) for x, y in points), tuple(notes))


def cut_face(image: Pixels, landmarks: Landmarks) -> Pixels:
    """Return the face as it is aligned for SFace, larger: uint8 (CROP_SIDE, CROP_SIDE, 3), BGR."""
    alignment = (ARCFACE, CROP_SIDE)
    return align(image, landmarks.astype(np.float32), [alignment])[alignment]


def shrunk(image: Pixels, longest: int) -> Pixels:
    """Return an image whose longer side is at most `longest` pixels; one that fits is returned as it is."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_jpeg(image: Pixels) -> bytes:
    """Return an image (uint8, (height, width, 3), BGR) as a JPEG file without metadata."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _with_margin(image: Pixels, box: Box) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the face with its margin, as far as the image reaches."""
    height, width = image.shape[:2]
    left, top, box_width, box_height = box
    across, down = MARGIN * box_width, MARGIN * box_height
    first = np.clip(np.floor((left - across, top - down)), 0, (width - 1, height - 1)).astype(int)
    last = np.clip(np.ceil((left + box_width + across, top + box_height + down)), first + 1, (width, height))
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])
