"""Kernels of the shortlist: how alike vectors are, and how much of a probe's cylinders a template explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.calibration import ShortlistParameters
from models.fingerprint.compiler import kernel, popcount
from models.fingerprint.cylinders import MAXIMUM_MINUTIAE
from models.fingerprint.lanes import explained
from models.fingerprint.sides import LANES

Rows = tuple[NDArray[np.uint64], ...]
"""Words of cylinders, one array an angular section."""
Integers = NDArray[np.int32]


@kernel
def _weigh(words: Rows, start: int, stop: int, credit: int, weights: NDArray[np.int64]) -> None:
    """Write what the set bits of each cylinder at start:stop count."""
    weights[: stop - start] = 0
    for row in words:
        for j in range(start, stop):
            weights[j - start] += credit * np.int64(popcount(row[j]))


@kernel
def scan(
    own: NDArray[np.int64],
    probe: Rows,
    words: Rows,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    parameters: ShortlistParameters,
    scores: Integers,
) -> None:
    """Score the templates at starts[t]:stops[t] of a block, for each t; write scores[t].

    A pair of cylinders is worth `credit` for each bit set in either, less `debit` for each bit in which they differ: up
    to a constant the log likelihood ratio of one neighbourhood against two, if bits agree independently. Each cylinder
    of the probe counts what its best partner is worth, if anything.

    Args:
        own: what the set bits of each cylinder of the probe count, as in `Sought`.
        probe: their words.
        words: the same sections of all cylinders of a block.
        starts: the first cylinder of each template.
        stops: the one behind its last.
        parameters: what bits count.
        scores: where the outcome goes.
    """
    weights = np.empty(MAXIMUM_MINUTIAE, np.int64)
    for t in range(len(starts)):
        start, stop = starts[t], stops[t]
        _weigh(words, start, stop, parameters.credit, weights)
        total = np.int64(0)
        for at in range(0, len(own), LANES):
            total += explained(own, probe, at, words, start, stop, weights, parameters.debit)
        scores[t] = total


@kernel
def liken_vectors(
    probe: NDArray[np.int8], vectors: NDArray[np.int8], rows: NDArray[np.int64], products: Integers
) -> None:
    """Write the dot product of the probe's vector with that of each row."""
    for k in range(len(rows)):
        vector = vectors[rows[k]]
        total = np.int32(0)
        for j in range(len(probe)):
            total += np.int32(np.int32(probe[j]) * np.int32(vector[j]))
        products[k] = total
