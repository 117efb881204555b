"""Turn aligned chips into one vector whose inner product with another is the fused similarity of two faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.errors import ModelFileError
from models.face.align import ARCFACE
from models.face.align import DLIB as DLIB_TEMPLATE
from models.face.network import Network
from models.images import Pixels
from models.score_calibration import ScoreCalibration
from models.weights import DLIB, SFACE, ModelFile, ModelStore, OperatorModel, Preparation, Use

Alignment = tuple[str, int]

_PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # both built-in networks scale their input themselves


@dataclass(frozen=True, slots=True)
class Part:
    """One network of an embedding. `weight` is its share of the fused similarity."""

    file: ModelFile
    preparation: Preparation
    weight: float

    @property
    def alignment(self) -> Alignment:
        return self.preparation.alignment, self.preparation.size


@dataclass(frozen=True, slots=True)
class EmbeddingPlan:
    """Which networks make a vector, with which weights, and what their fused similarity means.

    Args:
        model: identifier of the embedding; only vectors of the same one can be compared.
        parts: the networks in the order of their values in the vector; their weights add up to 1.
        calibration: from fused similarity to match score.
    """

    model: str
    parts: tuple[Part, ...]
    calibration: ScoreCalibration

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return sum(part.file.output_shape[-1] for part in self.parts)


BUILT_IN_PLAN = EmbeddingPlan(
    model="dlib-sface-1",
    parts=(
        Part(DLIB, Preparation(DLIB_TEMPLATE, 150, "rgb", *_PLAIN), calibration.FACE_WEIGHTS[DLIB.name]),
        Part(SFACE, Preparation(ARCFACE, 112, "rgb", *_PLAIN), calibration.FACE_WEIGHTS[SFACE.name]),
    ),
    calibration=calibration.FACE,
)


def embedding_plan(own: OperatorModel | None) -> EmbeddingPlan:
    """Return the built-in plan, or what the operator's model makes of it. Nothing is loaded."""
    if own is None:
        return BUILT_IN_PLAN
    identity = f"{own.file.name}-{own.file.version}-{own.file.sha256[:8]}"
    if own.use is Use.REPLACE:
        return EmbeddingPlan(identity, (Part(own.file, own.preparation, 1.0),), own.calibration)
    weight = own.weight or 0.0
    rest = tuple(Part(part.file, part.preparation, part.weight * (1 - weight)) for part in BUILT_IN_PLAN.parts)
    model = f"{BUILT_IN_PLAN.model}+{identity}*{weight:g}"
    return EmbeddingPlan(model, (*rest, Part(own.file, own.preparation, weight)), own.calibration)


class FaceEmbedder:
    """The networks of a plan, loaded and ready.

    Args:
        threads: embeddings at once, a core each.

    Raises:
        ModelFileError: a model file is missing or wrong.
    """

    def __init__(self, store: ModelStore, plan: EmbeddingPlan, *, threads: int = 1) -> None:
        self._parts = [(part, _load(store, part, threads)) for part in plan.parts]
        self.alignments: frozenset[Alignment] = frozenset(part.alignment for part in plan.parts)

    def embed(self, chips: Mapping[Alignment, Pixels]) -> NDArray[np.float32]:
        """Return the vector of one face, float32 (dimension,), of length 1.

        It is `sqrt(weight) * unit descriptor` of each network, end to end, so that an inner product of two vectors is
        the weighted mean of the networks' cosines. The networks run at the same time where cores are free.
        """
        pending = [network.start(_values(chips[part.alignment], part.preparation)) for part, network in self._parts]
        descriptors = [inference.result()[0] for inference in pending]
        return np.concatenate(
            [
                np.float32(np.sqrt(part.weight)) * _unit(descriptor)
                for (part, _), descriptor in zip(self._parts, descriptors, strict=True)
            ]
        )


def _load(store: ModelStore, part: Part, threads: int) -> Network:
    """Load a network and hold it to its manifest entry: an operator's own may not be what the entry says."""
    file = part.file
    hint = f"Correct the entry of {file.name} in models.toml, or export the network for one input and one output."
    try:
        network = Network(store.read(file.name), (1, *file.input_shape[1:]), threads=threads)
    except RuntimeError as error:
        raise ModelFileError(f"{store.path(file.name)} is not a network for {file.input_shape}", hint=hint) from error
    if network.output_size != file.output_shape[-1]:
        raise ModelFileError(
            f"{store.path(file.name)} gives {network.output_size} values, not {file.output_shape[-1]}", hint=hint
        )
    return network


def _values(chip: Pixels, preparation: Preparation) -> NDArray[np.float32]:
    """Return a chip (BGR) as the input of a network: float32 (1, 3, size, size)."""
    channels = chip[:, :, ::-1] if preparation.channels == "rgb" else chip
    values = np.ascontiguousarray(channels.transpose(2, 0, 1)[None], dtype=np.float32)
    if (preparation.mean, preparation.scale) == _PLAIN:
        return values
    mean, scale = (np.array(three, dtype=np.float32)[:, None, None] for three in (preparation.mean, preparation.scale))
    return np.asarray((values - mean) * scale, dtype=np.float32)


def _unit(descriptor: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = descriptor.ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-12), dtype=np.float32)
