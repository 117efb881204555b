"""How templates and scratch memory are laid out for the comparison kernels."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.cylinders import MAXIMUM_MINUTIAE

Floats = NDArray[np.float32]

MAXIMUM_PAIRS = 96
"""Most candidate pairs that enter the relaxation, whatever the parameters say."""
CANDIDATES_A_MINUTIA = 2
DIRECTIONS = 32
"""Bins of the histograms of directions, a power of two."""
WHOLE = 32
"""Values that a loop without branches takes at once, as many as it is unrolled to, so that it leaves no rest. It looks
beyond the end of its arrays by less than that: they have that much room behind them."""
LANES = 8
"""Cylinders of a probe that are scanned together."""

Motion = tuple[float, float, float, float, float]
"""A rigid motion: turn in radians, the point of the probe it turns about (x, y), where that point goes (x, y)."""


class Side(NamedTuple):
    """The arrays of one template.

    Attributes:
        x, y, angle: float32 (n,), the minutiae in rising order of x; y upwards. `WHOLE` may be read behind them.
        low, high: the least and the largest y.
        words: the cylinders as six arrays uint64 (n,), one an angular section.
        validity: uint64 (n,), zero for minutiae without a usable cylinder.
    """

    x: Floats
    y: Floats
    angle: Floats
    low: float
    high: float
    words: tuple[NDArray[np.uint64], ...]
    validity: NDArray[np.uint64]


class Stored(NamedTuple):
    """Templates of a gallery laid end to end; one is brought into the form of a `Side` when it is compared.

    Attributes:
        planes: uint16 (3, n): x, y (downwards) and angle of the minutiae in whole steps of the storage grid, so that
            nothing is lost; each template in rising order of x.
        words: uint64 (7, n): the six words of each cylinder, and its validity.
    """

    planes: NDArray[np.uint16]
    words: NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """Cylinders of a probe as the scan of the shortlist wants them; their number m is a multiple of `LANES`.

    Attributes:
        sections: which angular sections of them.
        own: int64 (m,), what the set bits of each one count; very little where there is none.
        words: each of the sections, uint64 (m,).
    """

    sections: slice
    own: NDArray[np.int64]
    words: tuple[NDArray[np.uint64], ...]


class Workspace(NamedTuple):
    """Scratch arrays of one thread. n is at most 255 minutiae, p at most 96 candidate pairs."""

    taken: Floats  # (3, n + 32) x, y, angle of the template that is being compared
    ranked: NDArray[np.int32]  # (n,) one row of cylinder similarities
    pair_row: NDArray[np.int32]  # (2 n,) candidate pairs: minutia of the probe,
    pair_column: NDArray[np.int32]  # minutia of the reference,
    pair_similarity: Floats  # and their cylinder similarity
    places: Floats  # (2 n + 32,) where values come in an order
    row: NDArray[np.int32]  # (p,) the best of them, in falling order
    column: NDArray[np.int32]
    initial: Floats  # (p,) their similarity, before and
    relaxed: Floats  # after relaxation
    support: Floats
    spot: Floats  # (7, p) x, y in the probe, x, y in the reference, turn between them, its cosine and sine
    joint: Floats  # (7, n) the same without the turn, and a weight, of the pairs that a motion is fitted to
    alike: NDArray[np.bool_]  # (p,)
    order: NDArray[np.int64]  # (2 n,) pairs in falling order of similarity, then of efficiency
    edge_a: NDArray[np.int32]  # (p * (p - 1) / 2,) compatible pairs of pairs
    edge_b: NDArray[np.int32]
    edge: Floats
    motions: Floats  # (5, p) the rigid motions tried so far
    used_row: NDArray[np.bool_]  # (n,)
    used_column: NDArray[np.bool_]
    occupied: Floats  # (n + 32,) what keeps a minutia of the reference from another partner
    moved: Floats  # (3, n) x, y, angle of the probe after a rigid motion
    best_moved: Floats
    paired_row: NDArray[np.int32]  # (n,) minutiae that lie together after the motion
    paired_column: NDArray[np.int32]
    directions: Floats  # (32 + 4,) a histogram, its first bins once more at the end
    alike_directions: tuple[Floats, Floats]  # (32,) how many minutiae of each template point about the same way


_of_thread = threading.local()


def thread_workspace() -> Workspace:
    """Return the scratch arrays of this thread; what the last comparison left in them is overwritten by the next."""
    if not hasattr(_of_thread, "workspace"):
        _of_thread.workspace = workspace()
    found: Workspace = _of_thread.workspace
    return found


def workspace() -> Workspace:
    """Return fresh scratch arrays."""
    minutiae, pairs, edges = MAXIMUM_MINUTIAE, MAXIMUM_PAIRS, MAXIMUM_PAIRS * (MAXIMUM_PAIRS - 1) // 2

    def integers(length: int) -> NDArray[np.int32]:
        return np.zeros(length, np.int32)

    def floats(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    def flags(length: int) -> NDArray[np.bool_]:
        return np.zeros(length, np.bool_)

    return Workspace(
        taken=floats(3, minutiae + WHOLE),
        ranked=integers(minutiae),
        pair_row=integers(CANDIDATES_A_MINUTIA * minutiae),
        pair_column=integers(CANDIDATES_A_MINUTIA * minutiae),
        pair_similarity=floats(CANDIDATES_A_MINUTIA * minutiae + WHOLE),
        places=floats(CANDIDATES_A_MINUTIA * minutiae + WHOLE),
        row=integers(pairs),
        column=integers(pairs),
        initial=floats(pairs),
        relaxed=floats(pairs),
        support=floats(pairs),
        spot=floats(7, pairs),
        joint=floats(7, minutiae),
        alike=flags(pairs),
        order=np.zeros(CANDIDATES_A_MINUTIA * minutiae, np.int64),
        edge_a=integers(edges),
        edge_b=integers(edges),
        edge=floats(edges),
        motions=floats(5, pairs),
        used_row=flags(minutiae),
        used_column=flags(minutiae),
        occupied=floats(minutiae + WHOLE),
        moved=floats(3, minutiae),
        best_moved=floats(3, minutiae),
        paired_row=integers(minutiae),
        paired_column=integers(minutiae),
        directions=floats(DIRECTIONS + 4),
        alike_directions=(floats(DIRECTIONS), floats(DIRECTIONS)),
    )
