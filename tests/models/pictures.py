"""Pictures for tests: a public-domain portrait that scikit-image brings along, and variants made of it."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut as _astronaut

Pixels = NDArray[np.uint8]


def astronaut() -> Pixels:
    """A portrait, 512 x 512, BGR."""
    return np.ascontiguousarray(np.asarray(_astronaut(), dtype=np.uint8)[:, :, ::-1])


def resized(picture: Pixels, side: int) -> Pixels:
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_png(picture: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def to_file(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def as_pil(picture: Pixels) -> Image.Image:
    return Image.fromarray(picture[:, :, ::-1])
