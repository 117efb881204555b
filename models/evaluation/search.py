"""Error rates of 1:N search on a closed and an open set: rank-1, FNIR at a chosen FPIR (ISO/IEC 19795-1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.comparisons import Comparisons
from models.evaluation.rates import Weights


@dataclass(frozen=True, slots=True)
class Searches:
    """The outcome of every search.

    The gallery holds the first sample of each subject that has several. The other samples of these subjects are mated
    probes. The samples of the other subjects are the non-mated probes; where there are none, each mated probe is
    searched once more with its own subject left out of the gallery.

    Args:
        mate: (m,) float32, similarity of each mated probe to its own subject.
        best_other: (m,) float32, its best similarity to anybody else in the gallery.
        mated_subject: (m,) int64, whose probe it is.
        best: (k,) float32, best similarity in each non-mated search.
        nonmated_subject: (k,) int64, whose probe it is.
    """

    mate: NDArray[np.float32]
    best_other: NDArray[np.float32]
    mated_subject: NDArray[np.int64]
    best: NDArray[np.float32]
    nonmated_subject: NDArray[np.int64]

    def rank1(self, weights: Weights) -> float:
        """Return the share of mated probes that are more similar to their own subject than to anybody else."""
        drawn = weights[self.mated_subject]
        return _ratio(drawn[self.mate > self.best_other].sum(), drawn.sum())

    def fnir_at(self, fpir: float, weights: Weights) -> float | None:
        """Return the share of mated searches that miss the mate at the threshold where the FPIR is at most `fpir`.

        The rank of the mate does not matter (R = N in the standard's notation). None if there are too few searches.
        """
        order = np.argsort(-self.best, kind="stable")
        alarms = np.cumsum(weights[self.nonmated_subject][order])
        if not alarms.size or fpir * alarms[-1] < 1 - 1e-9:
            return None
        allowed = int(np.searchsorted(alarms, fpir * alarms[-1] * (1 + 1e-9), side="right"))
        threshold = self.best[order[allowed]] if allowed < order.size else -np.inf
        drawn = weights[self.mated_subject]
        return _ratio(drawn[self.mate <= threshold].sum(), drawn.sum())


def search_all(comparisons: Comparisons) -> Searches:
    """Search every probe in the gallery; at least two subjects must have several samples."""
    subjects = comparisons.subjects
    several = comparisons.samples_of >= 2
    first = np.zeros(subjects.size, dtype=np.bool_)
    first[np.unique(subjects, return_index=True)[1]] = True
    gallery = np.flatnonzero(first & several[subjects])
    probes = np.flatnonzero(~first & several[subjects])
    strangers = np.flatnonzero(~several[subjects])

    similarity = comparisons.similarity[np.ix_(probes, gallery)]
    own = subjects[probes][:, None] == subjects[gallery][None, :]
    best_other = np.where(own, -np.inf, similarity).max(axis=1).astype(np.float32)
    if strangers.size:
        best = comparisons.similarity[np.ix_(strangers, gallery)].max(axis=1)
        return Searches(similarity[own], best_other, subjects[probes], best, subjects[strangers])
    return Searches(similarity[own], best_other, subjects[probes], best_other, subjects[probes])


def _ratio(part: np.int64, whole: np.int64) -> float:
    return float(part / whole) if whole else float("nan")
