"""How templates and scratch memory are laid out for the comparison kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.cylinders import MAXIMUM_MINUTIAE

Floats = NDArray[np.float32]

MAXIMUM_PAIRS = 96
"""Most candidate pairs that enter the relaxation, whatever the parameters say."""
CANDIDATES_A_MINUTIA = 2


class Side(NamedTuple):
    """The arrays of one template, or of many laid end to end.

    Attributes:
        x, y, angle: float32 (n,), minutiae in template order; y upwards.
        words: the cylinders as six arrays uint64 (n,), one an angular section.
        validity: uint64 (n,), zero for minutiae without a usable cylinder.
    """

    x: Floats
    y: Floats
    angle: Floats
    words: tuple[NDArray[np.uint64], ...]
    validity: NDArray[np.uint64]


class Workspace(NamedTuple):
    """Scratch arrays of one thread."""

    similarity: Floats  # (255,) one row of cylinder similarities
    pair_row: NDArray[np.int32]  # (510,) candidate pairs: minutia of the probe,
    pair_column: NDArray[np.int32]  # minutia of the reference,
    pair_similarity: Floats  # and their cylinder similarity
    row: NDArray[np.int32]  # (96,) the best of them, in falling order
    column: NDArray[np.int32]
    initial: Floats
    relaxed: Floats
    support: Floats
    edge_a: NDArray[np.int32]  # (96 * 95 / 2,) compatible pairs of pairs
    edge_b: NDArray[np.int32]
    edge: Floats
    used_row: NDArray[np.bool_]  # (255,)
    used_column: NDArray[np.bool_]
    moved: Floats  # (3, 255) x, y, angle of the probe after the rigid motion


def workspace() -> Workspace:
    """Return fresh scratch arrays."""
    pairs, best, edges = (
        CANDIDATES_A_MINUTIA * MAXIMUM_MINUTIAE,
        MAXIMUM_PAIRS,
        MAXIMUM_PAIRS * (MAXIMUM_PAIRS - 1) // 2,
    )
    return Workspace(
        np.zeros(MAXIMUM_MINUTIAE, np.float32),
        np.zeros(pairs, np.int32),
        np.zeros(pairs, np.int32),
        np.zeros(pairs, np.float32),
        np.zeros(best, np.int32),
        np.zeros(best, np.int32),
        np.zeros(best, np.float32),
        np.zeros(best, np.float32),
        np.zeros(best, np.float32),
        np.zeros(edges, np.int32),
        np.zeros(edges, np.int32),
        np.zeros(edges, np.float32),
        np.zeros(MAXIMUM_MINUTIAE, np.bool_),
        np.zeros(MAXIMUM_MINUTIAE, np.bool_),
        np.zeros((3, MAXIMUM_MINUTIAE), np.float32),
    )
