"""Encodes and compares the face images of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.evaluation.comparisons import FAILED, Comparisons
from models.evaluation.manifest import LabelledSample, set_numbers, subject_numbers
from models.evaluation.report import Evaluation, evaluate
from models.samples import Modality

Progress = Callable[[str, float], None]


class EncodedSample(Protocol):
    """What is needed of a `models.face.FaceSample`."""

    @property
    def vector(self) -> NDArray[np.float32] | None: ...


class Encoder(Protocol):
    """What is needed of a `models.face.FaceEncoder`: anything that turns an image into a vector can be measured."""

    def encode(self, unverified_image: bytes) -> EncodedSample: ...


@dataclass(frozen=True, slots=True)
class EncodedFaces:
    """The vectors of all samples in the order of the manifest.

    Args:
        vectors: (n, d) float32, zeros where a sample failed to enrol.
        failed: (n,) bool.
        milliseconds: (n,) float64, what each took from the bytes of the file to the vector, or to the refusal.
    """

    vectors: NDArray[np.float32]
    failed: NDArray[np.bool_]
    milliseconds: NDArray[np.float64]


def evaluate_faces(
    samples: Sequence[LabelledSample], encoder: Encoder, progress: Progress
) -> tuple[Comparisons, Evaluation]:
    """Encode all samples one after the other and compare each with every other by inner product.

    Args:
        samples: from `read_face_manifest`.
        encoder: with one thread, as `encode_ms` is stated for one.
        progress: told the step and the share of it that is done.

    Raises:
        ManifestError: the samples allow no mated comparison, or none of them could be encoded.
    """

    def encode(unverified_image: bytes) -> NDArray[np.float32] | None:
        try:
            return encoder.encode(unverified_image).vector
        except InvalidInput:
            return None

    faces = encode_faces(samples, encode, progress)
    comparisons = _compare(samples, faces)
    speed = comparison_speed(faces.vectors)
    return comparisons, evaluate(Modality.FACE, comparisons, faces.milliseconds, speed, progress)


def encode_faces(
    samples: Sequence[LabelledSample],
    encode: Callable[[bytes], NDArray[np.float32] | None],
    progress: Progress,
) -> EncodedFaces:
    """Encode every sample; None of `encode` is a failure to enrol. Reading the file is not timed."""
    found: list[NDArray[np.float32] | None] = []
    milliseconds = np.zeros(len(samples))
    for index, sample in enumerate(samples):
        unverified_image = sample.path.read_bytes()
        started = time.perf_counter()
        found.append(encode(unverified_image))
        milliseconds[index] = (time.perf_counter() - started) * 1e3
        progress("Encoding", (index + 1) / len(samples))
    dimension = next((vector.size for vector in found if vector is not None), 1)
    vectors = np.stack([np.zeros(dimension, np.float32) if vector is None else vector for vector in found])
    return EncodedFaces(vectors, np.array([vector is None for vector in found]), milliseconds)


def _compare(samples: Sequence[LabelledSample], faces: EncodedFaces) -> Comparisons:
    similarity = faces.vectors @ faces.vectors.T
    similarity[faces.failed, :] = FAILED
    similarity[:, faces.failed] = FAILED
    return Comparisons(subject_numbers(samples), similarity, faces.failed, set_numbers(samples))


def comparison_speed(vectors: NDArray[np.float32], *, seconds: float = 0.5) -> float:
    """Return comparisons a second on one core: one probe against all others, over and over for about `seconds`.

    Processor time is counted rather than the clock's, so it is a core's speed however many the product ran on.
    """
    started = time.process_time()
    done = 0
    while (spent := time.process_time() - started) < seconds:
        for probe in vectors:
            vectors @ probe
        done += vectors.shape[0] ** 2
    return done / spent
