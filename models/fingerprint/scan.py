"""Kernels of the shortlist: how alike vectors are, and how much of a probe's cylinders a template explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.calibration import ShortlistParameters
from models.fingerprint.compiler import kernel, popcount
from models.fingerprint.cylinders import MAXIMUM_MINUTIAE

Words = NDArray[np.uint64]
Integers = NDArray[np.int32]


_TOGETHER = 16
"""Templates whose cylinders are copied end to end: enough to keep a loop busy, few enough for the first cache."""


@kernel
def _gather(words: Words, starts: NDArray[np.int64], stops: NDArray[np.int64], some: Words) -> int:
    """Copy the cylinders of some templates end to end; return their number."""
    at = 0
    for t in range(len(starts)):
        start, count = starts[t], stops[t] - starts[t]
        for k in range(len(some)):
            source, target = words[k, start : start + count], some[k, at : at + count]
            for j in range(count):
                target[j] = source[j]
        at += count
    return at


@kernel
def _weigh(some: Words, count: int, parameters: ShortlistParameters, weights: Integers) -> None:
    """Write what the set bits of each gathered cylinder count."""
    credit = np.int64(parameters.credit)
    for j in range(count):
        weights[j] = 0
    for k in range(0, len(some), 3):
        a, b, c = some[k], some[k + 1], some[k + 2]
        for j in range(count):
            ones = np.int64(popcount(a[j]) + popcount(b[j]) + popcount(c[j]))
            weights[j] = np.int32(np.int64(weights[j]) + credit * ones)


@kernel
def _liken(probe: Words, i: int, some: Words, count: int, debit: int, values: Integers) -> None:
    """Subtract from each value what the bits count in which a gathered cylinder differs from cylinder i."""
    cost = np.int64(debit)
    for k in range(0, len(some), 3):
        a, b, c = some[k], some[k + 1], some[k + 2]
        p, q, r = probe[k, i], probe[k + 1, i], probe[k + 2, i]
        for j in range(count):
            differing = np.int64(popcount(a[j] ^ p) + popcount(b[j] ^ q) + popcount(c[j] ^ r))
            values[j] = np.int32(np.int64(values[j]) - cost * differing)


@kernel
def _add_best(values: Integers, starts: NDArray[np.int64], stops: NDArray[np.int64], scores: Integers) -> None:
    """Add to the score of each gathered template its best value, if that is positive."""
    at = 0
    for t in range(len(starts)):
        best = np.int32(0)
        upto = at + stops[t] - starts[t]
        for j in range(at, upto):
            best = max(best, values[j])
        scores[t] += best
        at = upto


@kernel
def scan(
    probe: Words,
    words: Words,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    parameters: ShortlistParameters,
    scores: Integers,
) -> None:
    """Score the templates at starts[k]:stops[k] of a block, for each k; add to scores[k].

    A pair of cylinders is worth `credit` for each bit set in either, less `debit` for each bit in which they differ: up
    to a constant the log likelihood ratio of one neighbourhood against two, if bits agree independently. Each cylinder
    of the probe counts what its best partner is worth, if anything.

    Args:
        probe: (k, m) the probe's cylinders, k sections of them, a multiple of three.
        words: (k, n) the same sections of all cylinders of a block.
        starts: the first cylinder of each template.
        stops: the one behind its last.
        parameters: what bits count.
        scores: what is added to.
    """
    sections, cylinders = probe.shape
    some = np.empty((sections, _TOGETHER * MAXIMUM_MINUTIAE), np.uint64)
    weights = np.empty(_TOGETHER * MAXIMUM_MINUTIAE, np.int32)
    values = np.empty(_TOGETHER * MAXIMUM_MINUTIAE, np.int32)
    for first in range(0, len(starts), _TOGETHER):
        part = slice(first, min(first + _TOGETHER, len(starts)))
        count = _gather(words, starts[part], stops[part], some)
        _weigh(some, count, parameters, weights)
        for i in range(cylinders):
            own = np.int64(0)
            for k in range(sections):
                own += np.int64(popcount(probe[k, i]))
            own *= np.int64(parameters.credit)
            for j in range(count):
                values[j] = np.int32(np.int64(weights[j]) + own)
            _liken(probe, i, some, count, parameters.debit, values)
            _add_best(values, starts[part], stops[part], scores[part])


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
