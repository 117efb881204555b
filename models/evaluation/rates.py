"""Error rates of 1:1 comparison: the DET curve, EER, FNMR at a chosen FMR (ISO/IEC 19795-1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.comparisons import Comparisons, Pairs, mated_pairs, nonmated_pairs

Weights = NDArray[np.int64]
"""How often each subject was drawn in one bootstrap replicate, (subjects,); all ones for the estimate itself."""


@dataclass(frozen=True, slots=True)
class ErrorCurve:
    """Both error rates at every threshold; two samples match if their similarity is *above* the threshold.

    Args:
        thresholds: (t,) float32, ascending.
        fmr: (t,) float64, false match rate, falling.
        fnmr: (t,) float64, false non-match rate, rising.
        resolution: the FMR of a single false match; nothing can be said below it.
    """

    thresholds: NDArray[np.float32]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    resolution: float

    def eer(self) -> float:
        """Return the equal error rate as FVC2000 defines it (Maio et al., TPAMI 24(3), 2002).

        The two rates are steps and seldom meet: of the last threshold with `FNMR <= FMR` and the first with
        `FNMR >= FMR`, the one with the smaller sum counts, and the EER is the mean of its two rates.
        """
        above = np.flatnonzero(self.fnmr >= self.fmr)
        below = np.flatnonzero(self.fnmr <= self.fmr)
        candidates = [int(above[0])] + ([int(below[-1])] if below.size else [])
        return min(float(self.fnmr[k] + self.fmr[k]) / 2 for k in candidates)

    def fnmr_at(self, fmr: float) -> float | None:
        """Return the lowest FNMR at which the FMR is at most `fmr`; None if the comparisons are too few to tell."""
        if fmr < self.resolution * (1 - 1e-9):
            return None
        return float(self.fnmr[np.flatnonzero(self.fmr <= fmr * (1 + 1e-9))[0]])


class PairTable:
    """The sorted pairs of an evaluation, from which the curve follows for any weighting of the subjects."""

    def __init__(self, comparisons: Comparisons, share: float = 1.0) -> None:
        """Sort the pairs once.

        Args:
            comparisons: at least one mated and one non-mated pair.
            share: share of the non-mated pairs to keep, the most similar; the curve starts at about that FMR.
        """
        self._samples_of = comparisons.samples_of
        self._mated = mated_pairs(comparisons)
        self._nonmated = nonmated_pairs(comparisons, share)
        # The least similar pair that was kept is the lowest threshold above which no pair is missing.
        floor = -np.inf if share >= 1.0 else self._nonmated.similarity[0]
        every = np.concatenate([np.array([floor], dtype=np.float32), self._mated.similarity, self._nonmated.similarity])
        self._thresholds = np.unique(every[every >= floor])
        self._mated_upto = np.searchsorted(self._mated.similarity, self._thresholds, side="right")
        self._nonmated_upto = np.searchsorted(self._nonmated.similarity, self._thresholds, side="right")

    def curve(self, weights: Weights | None = None) -> ErrorCurve:
        """Return the error rates, each subject counted as often as `weights` says.

        A mated pair of a subject drawn `w` times counts `w` times, a non-mated pair of subjects drawn `v` and `w` times
        counts `v * w` times: pairs between two copies of one subject are neither.
        """
        drawn = np.ones_like(self._samples_of) if weights is None else weights
        mated = _cumulated(drawn[self._mated.first])
        nonmated = _cumulated(_weights_of(self._nonmated, drawn)[::-1])
        samples = drawn * self._samples_of
        total = int(samples.sum() ** 2 - (samples**2).sum()) // 2
        fmr = nonmated[self._nonmated.similarity.size - self._nonmated_upto] / total
        return ErrorCurve(self._thresholds, fmr, mated[self._mated_upto] / mated[-1], 1 / total)


def _weights_of(pairs: Pairs, drawn: Weights) -> NDArray[np.int64]:
    return np.asarray(drawn[pairs.first] * drawn[pairs.second], dtype=np.int64)


def _cumulated(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sums of the first 0, 1, ... weights."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(weights)])
