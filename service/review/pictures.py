"""Pictures of faces as reviewers see them: re-encoded, so that no browser is handed what came from outside."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.errors import InvalidInput
from models.face import FaceEncoder
from models.face.portrait import cut_face, shrunk, to_jpeg
from models.images import decode_image
from models.samples import Portrait
from service.review.comparison import Absent, Cut, Missing, Picture

JPEG: Final = "image/jpeg"
LONGEST_SIDE: Final = 1600
"""Of a probe, in pixels: enough to zoom into a face that fills a third of it."""


class PictureMaker:
    """Makes pictures of portraits, and of images of probes. Thread-safe."""

    def __init__(self, faces: FaceEncoder) -> None:
        self._faces = faces

    def of_portrait(self, portrait: Portrait, cut: Cut) -> Picture | Absent:
        """Return a portrait as it was kept, or its face alone."""
        if cut is Cut.WHOLE:
            return Picture(portrait.jpeg, JPEG)
        try:
            image = decode_image(portrait.jpeg)
        except InvalidInput:
            return Absent(Missing.DAMAGED)
        return Picture(to_jpeg(cut_face(image, np.array(portrait.landmarks))), JPEG)

    def of_probe(self, image: bytes, cut: Cut) -> Picture | Absent:
        """Return the image of a probe upright, or the face that was compared alone; that there is none is said."""
        try:
            found = self._faces.find(decode_image(image))
        except InvalidInput:
            return Absent(Missing.DAMAGED)
        if cut is Cut.WHOLE:
            return Picture(to_jpeg(shrunk(found.image, LONGEST_SIDE)), JPEG)
        if found.landmarks is None:
            return Absent(Missing.NO_FACE)
        return Picture(to_jpeg(cut_face(found.image, found.landmarks)), JPEG)
