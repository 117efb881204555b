"""The `face_recognition` package as it comes (HOG detector, dlib ResNet, Euclidean distance), measured beside us.

Nothing else of the product imports that package: it holds the GIL, is slow, and switches settings of the whole process.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from models.errors import CrosscheckError
from models.evaluation.comparisons import FAILED, Comparisons
from models.evaluation.faces import EncodedFaces, Progress, encode_faces
from models.evaluation.manifest import LabelledSample, set_numbers, subject_numbers
from models.evaluation.rates import ErrorCurve, PairTable
from models.evaluation.report import FMR_LEVELS


class ReferenceMissingError(CrosscheckError):
    """The `face_recognition` package cannot be loaded."""

    slug = "reference-unavailable"
    hint = "Install face-recognition, face-recognition-models, dlib-bin and setuptools<81 as the lock file names them."


@dataclass(frozen=True, slots=True)
class ReferenceFigures:
    """What `face_recognition` reaches on the same samples; failures count as in `Rates`."""

    fte: float
    eer: float
    fnmr_at_fmr: dict[float, float | None]
    encode_ms: float
    curve: ErrorCurve

    def as_json(self, encode_ms: float) -> dict[str, Any]:
        """Return the figures; `times_slower` is against `encode_ms` milliseconds an image."""
        return {
            "name": "face_recognition",
            "fte": round(self.fte, 6),
            "eer": round(self.eer, 6),
            "fnmr_at_fmr": {f"{level:g}": rate and round(rate, 6) for level, rate in self.fnmr_at_fmr.items()},
            "encode_ms": round(self.encode_ms, 3),
            "times_slower": round(self.encode_ms / encode_ms, 2),
        }


def measure_reference(samples: Sequence[LabelledSample], progress: Progress) -> ReferenceFigures:
    """Encode and compare all samples as the examples of `face_recognition` do: the first face that it finds counts.

    Raises:
        ReferenceMissingError: the package or its models cannot be loaded.
    """
    encode = load_reference()
    faces = encode_faces(samples, encode, lambda _, share: progress("Encoding with face_recognition", share))
    curve = PairTable(_compare(samples, faces)).curve()
    return ReferenceFigures(
        fte=float(faces.failed.mean()),
        eer=curve.eer(),
        fnmr_at_fmr={level: curve.fnmr_at(level) for level in FMR_LEVELS},
        encode_ms=float(np.median(faces.milliseconds)),
        curve=curve,
    )


def load_reference() -> Callable[[bytes], NDArray[np.float32] | None]:
    """Import `face_recognition` and return a function from an image file to its 128-d vector, None without a face.

    Importing it normally ends the process (with exit code 0) if its models are missing, makes PIL accept truncated
    images everywhere, and loads a 68-point shape predictor that may not be used commercially. All three are prevented;
    the last does not change a figure, since its encodings use the 5-point predictor.

    Raises:
        ReferenceMissingError: the package or its models cannot be loaded.
    """
    truncated_images_before = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pkg_resources announces its end; the lock file keeps it
            import face_recognition_models

            five_points = face_recognition_models.pose_predictor_five_point_model_location
            face_recognition_models.pose_predictor_model_location = five_points
            import face_recognition
    except (ImportError, RuntimeError) as error:
        raise ReferenceMissingError(f"face_recognition cannot be loaded: {error}") from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = truncated_images_before

    def encode(unverified_image: bytes) -> NDArray[np.float32] | None:
        try:
            pixels = face_recognition.load_image_file(io.BytesIO(unverified_image))
        except OSError:
            return None
        vectors = face_recognition.face_encodings(pixels)
        return vectors[0].astype(np.float32) if vectors else None

    return encode


def _compare(samples: Sequence[LabelledSample], faces: EncodedFaces) -> Comparisons:
    """Compare by negated Euclidean distance."""
    squares = (faces.vectors**2).sum(axis=1)
    products = faces.vectors @ faces.vectors.T
    similarity = -np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * products, 0.0))
    similarity[faces.failed, :] = FAILED
    similarity[:, faces.failed] = FAILED
    return Comparisons(subject_numbers(samples), similarity, faces.failed, set_numbers(samples))
