"""From the bytes of an image to the vector of the one face it shows, or to the reasons why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.face.align import align
from models.face.choose import choose_subject
from models.face.detect import DetectedFace, FaceDetector
from models.face.embed import FaceEmbedder, embedding_plan
from models.face.portrait import cut_portrait
from models.images import Pixels, decode_image
from models.quality import assess_face, measure_face, scene_remarks
from models.samples import Assessment, Portrait, Reason
from models.weights import YUNET, ModelStore


@dataclass(frozen=True, slots=True)
class FaceSample:
    """What one image gave.

    Args:
        assessment: whether the face may be compared, and why not.
        vector: float32 (dimension,), of length 1; None if and only if the sample was refused.
        box: left, top, width, height of the subject's face in pixels of the image, turned upright by quarter turns;
            None where no subject could be chosen.
        landmarks: float32 (5, 2), x and y of the subject's right eye, left eye, nose tip, right and left mouth corner.
        confidence: of the detector, 0..1; 0 where no subject could be chosen.
        portrait: what people compare; None where none was asked for, or the sample was refused.
    """

    assessment: Assessment
    vector: NDArray[np.float32] | None = None
    box: tuple[float, float, float, float] | None = None
    landmarks: NDArray[np.float32] | None = None
    confidence: float = 0.0
    portrait: Portrait | None = None


@dataclass(frozen=True, slots=True)
class FoundFace:
    """An image, and the face of its subject.

    Args:
        image: uint8 (height, width, 3), BGR, turned upright.
        landmarks: as of `FaceSample`; None where no subject could be chosen.
    """

    image: Pixels
    landmarks: NDArray[np.float32] | None


class FaceEncoder:
    """The face models of a store, loaded and ready. Any number of threads may call `encode` at once.

    Args:
        store: a prepared models folder.
        threads: encodings that run at once; more callers wait for their turn. Each takes one core, and a second one
            for a moment where that is free.

    Raises:
        ModelFileError: a model file is missing or wrong.
    """

    def __init__(self, store: ModelStore, *, threads: int = 1) -> None:
        plan = embedding_plan(store.operator_model)
        self._detector = FaceDetector(store.read(YUNET.name), threads=threads)
        self._embedder = FaceEmbedder(store, plan, threads=threads)
        self.model = plan.model
        self.dimension = plan.dimension
        self.calibration = plan.calibration

    def encode(self, unverified_image: bytes, *, portrait: bool = False) -> FaceSample:
        """Encode the one face of an image, and keep a portrait of it if it is wanted.

        Raises:
            MalformedImage: the bytes are not a complete image of a supported format.
            ImageTooLarge: the image is over the byte or pixel cap.
        """
        image, subject = self._subject_of(decode_image(unverified_image))
        if isinstance(subject, Reason):
            return FaceSample(Assessment((subject, *scene_remarks(image))))
        assessment = assess_face(measure_face(image, subject.landmarks, subject.confidence))
        if not assessment.accepted:
            return FaceSample(assessment, None, subject.box, subject.landmarks, subject.confidence)
        chips = align(image, subject.landmarks, self._embedder.alignments)
        vector = self._embedder.embed(chips)
        notes = (reason.code for reason in assessment.reasons)
        kept = cut_portrait(image, subject.box, subject.landmarks, notes) if portrait else None
        return FaceSample(assessment, vector, subject.box, subject.landmarks, subject.confidence, kept)

    def find(self, image: Pixels) -> FoundFace:
        """Turn an image (uint8, (height, width, 3), BGR) upright, and find the face in it that `encode` encodes."""
        image, subject = self._subject_of(image)
        return FoundFace(image, None if isinstance(subject, Reason) else subject.landmarks)

    def _subject_of(self, image: Pixels) -> tuple[Pixels, DetectedFace | Reason]:
        image, faces = self._detector.turn_upright(image)
        subject = choose_subject(faces, *image.shape[:2])
        return image, subject if isinstance(subject, Reason) else self._detector.look_again(image, subject)
