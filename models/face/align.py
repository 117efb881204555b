"""Cut a face out of the original pixels, turned and scaled so that its landmarks fall where a network expects them."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face.network import Floats
from models.images import Pixels

Template = tuple[int, NDArray[np.float64]]

ARCFACE = "arcface-112"
DLIB = "dlib-150"

TEMPLATES: dict[str, Template] = {
    # The alignment of ArcFace (Deng et al., CVPR 2019), which SFace was trained on.
    ARCFACE: (
        112,
        np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]),
    ),
    # dlib aligns by landmarks of its own. These are the mean places of YuNet's landmarks on the chips that dlib's
    # 5-point aligner cuts (padding 0.25) out of 657 LFW images, made symmetric; standard deviations 2.5 to 3 pixels for
    # the eyes, 6 to 7 across for the nose, 4 to 5 for the mouth (half first looks, half close-ups, 1 pixel apart).
    DLIB: (
        150,
        np.array([[46.9, 45.5], [102.1, 45.5], [74.5, 78.3], [50.9, 103.6], [98.1, 103.6]]),
    ),
}
"""Side of the square chip in pixels, and where the five landmarks go: float64 (5, 2), x and y."""


def align(image: Pixels, landmarks: Floats, alignments: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Pixels]:
    """Return one chip an alignment: uint8 (size, size, 3), BGR.

    Args:
        image: uint8 (height, width, 3), the original, not the one that detection scaled down.
        landmarks: float32 (5, 2), of `DetectedFace`.
        alignments: template name and side of the chip in pixels (the template scales with it).
    """
    return {
        (name, size): warp(image, similarity(landmarks, template_points(name, size)), size) for name, size in alignments
    }


def template_points(name: str, size: int) -> NDArray[np.float64]:
    """Return the landmarks of a template for a chip of `size` pixels: pixel centres scale about the image corner."""
    original, points = TEMPLATES[name]
    return (points + 0.5) * (size / original) - 0.5


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rotation, scale and shift, float64 (2, 3), that maps source onto target with least squares.

    The closed form of Umeyama (TPAMI 1991) in the plane without reflection, where points are complex numbers and the
    map is `z -> a z + b`: `a = sum(conj(s) t) / sum(|s|^2)` over the centred points.
    """
    sources, targets = (points.astype(np.float64) @ np.array([1, 1j]) for points in (source, target))
    centred = sources - sources.mean()
    a = (centred.conj() @ (targets - targets.mean())) / (centred.conj() @ centred).real
    b = targets.mean() - a * sources.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def warp(image: Pixels, transform: NDArray[np.float64], size: int) -> Pixels:
    """Return a square of `size` pixels warped out of an image, black where there is none.

    Where that shrinks the image to less than half, pixels are averaged first, so that nothing aliases.

    Args:
        image: uint8 (height, width, 3).
        transform: float64 (2, 3), from image to square.
        size: side of the square in pixels.
    """
    image, transform = _shrunk(image, transform, size)
    return np.asarray(cv2.warpAffine(image, transform, (size, size), flags=cv2.INTER_LINEAR))


def _shrunk(image: Pixels, transform: NDArray[np.float64], size: int) -> tuple[Pixels, NDArray[np.float64]]:
    factor = int(1 / np.hypot(transform[0, 0], transform[1, 0]))
    if factor < 2:
        return image, transform
    inverse = cv2.invertAffineTransform(transform)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ inverse[:, :2].T + inverse[:, 2]
    height, width = image.shape[:2]
    left, top = (np.clip(np.floor(corners.min(axis=0)) - factor, 0, (width, height))).astype(int)
    right, bottom = (np.clip(np.ceil(corners.max(axis=0)) + factor, 0, (width, height))).astype(int)
    right, bottom = right - (right - left) % factor, bottom - (bottom - top) % factor
    part = image[top:bottom, left:right]
    if part.size == 0:
        return image, transform
    smaller = cv2.resize(part, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    # Pixel x of the smaller part lies at factor * (x + 0.5) - 0.5 + left of the image.
    grow = np.array([[factor, 0, left + factor / 2 - 0.5], [0, factor, top + factor / 2 - 0.5], [0, 0, 1]])
    return np.asarray(smaller), transform @ grow
