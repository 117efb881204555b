"""Fits a `ScoreCalibration` to the non-mated comparisons of an evaluation, honest beyond the data.

Where the data reach, the table follows the share of non-mated comparisons at or above a similarity. Above their top
(1000 comparisons, or 1 % if that is fewer) it follows a generalised Pareto distribution of the excesses (peaks over
threshold: Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, chapter 4), whose shape never goes
below `MINIMUM_SHAPE`. All of it is a bound, not an estimate: subjects are drawn, the shares and the scale are fitted
anew for each draw, and the table takes the score that 95 % of the fits exceed. No score exceeds `SCORE_CAP`.

Only comparisons within a set count: strangers captured by the same scanner resemble each other more than strangers
captured by two. On the fingerprints of FVC2002 and FVC2004 that is a whole decade at an FMR of 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import SCORE_CAP
from models.evaluation.comparisons import Comparisons, Pairs, nonmated_pairs_within_sets
from models.evaluation.intervals import draw_subjects
from models.evaluation.manifest import ManifestError
from models.evaluation.rates import Weights
from models.score_calibration import ScoreCalibration

TAIL_SHARE = 0.01
TAIL_EXCESSES = 1000
"""The tail starts where this many comparisons lie above it, or the most similar 1 % if that is fewer: deep enough for a
shape that is known to 0.03 or so, not so deep that it gives away what the data still show."""
MINIMUM_SHAPE = 0.05
"""A shape of 0 is an exponential tail, one below 0 declares every similarity beyond some point impossible. Measured
shapes lie around 0: -0.14 to 0.03 on LFW faces, depending on where the tail starts, -0.07 to 0.06 on 1.6 million
comparisons of synthetic fingers. There a tail of shape 0.05 fitted at 1 % stays on the safe side down to one in a
million; one of shape 0 does not."""
BOUND = 0.05
"""Share of the fits that may give a lower score than the table: a one-sided 95 % bound."""
REPLICATES = 200
BODY_STEP = 0.25
TAIL_STEP = 0.5
MINIMUM_EXCESSES = 30
"""Comparisons above the tail's threshold that a fit needs (the standard's rule of 30, ISO/IEC 19795-1)."""


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """A generalised Pareto tail above a similarity: `share` of comparisons exceed it; `shape` is above 0."""

    threshold: float
    share: float
    scale: float
    shape: float

    def score(self, similarity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `-log10(FMR)` at similarities from the threshold up."""
        nats = np.log1p(self.shape * (similarity - self.threshold) / self.scale) / self.shape
        return np.asarray(nats / math.log(10.0) - math.log10(self.share), dtype=np.float64)


def fit_shape(excess: NDArray[np.float64]) -> float:
    """Return the shape of the excesses, (m,) ascending, at least `MINIMUM_SHAPE`.

    By probability-weighted moments (Hosking and Wallis, Technometrics 29, 1987).
    """
    rank = (np.arange(excess.size) + 0.5) / excess.size
    mean, moment = float(excess.mean()), float((excess * (1.0 - rank)).mean())
    return max(MINIMUM_SHAPE, 2.0 - mean / (mean - 2.0 * moment)) if mean > 2.0 * moment else MINIMUM_SHAPE


def fit_tail(
    excess: NDArray[np.float64], weights: NDArray[np.int64], threshold: float, total: float, shape: float
) -> ParetoTail | None:
    """Fit share and scale for a given shape; None if nothing that counts exceeds the threshold.

    Args:
        excess: (m,) similarities above the threshold, less the threshold.
        weights: (m,) how often each counts.
        threshold: where the tail starts.
        total: the weight of all comparisons, below the threshold too.
        shape: from `fit_shape`; the mean excess is then `scale / (1 - shape)`.
    """
    weight = float(weights.sum())
    if weight <= 0.0:
        return None
    mean = float((weights * excess).sum()) / weight
    return ParetoTail(threshold, weight / total, mean * (1.0 - shape), shape)


def fit_calibration(comparisons: Comparisons, source: str, progress: Callable[[float], None]) -> ScoreCalibration:
    """Return the calibration of the similarities of an evaluation.

    Args:
        comparisons: many subjects; one sample of each is enough.
        source: the data, for the record; the number of comparisons is added.
        progress: told the share that is done, 0 to 1.

    Raises:
        ManifestError: fewer than 30 comparisons lie in the most similar 1 %.
    """
    pairs = _enrolled(nonmated_pairs_within_sets(comparisons))
    count = pairs.similarity.size
    if count * TAIL_SHARE < MINIMUM_EXCESSES:
        raise ManifestError(f"{count} non-mated comparisons are too few for a calibration; 3,000 are the least")
    excesses = min(TAIL_EXCESSES, round(count * TAIL_SHARE))
    threshold = float(pairs.similarity[count - 1 - excesses])
    fits = _Fits(comparisons, pairs, threshold, progress)
    knots = _increasing([*fits.body(), *fits.tail(SCORE_CAP)])
    return ScoreCalibration(
        knots, f"{source}; {count:,} non-mated comparisons of {comparisons.samples_of.size} subjects"
    )


class _Fits:
    """The fit of every draw of subjects, and the bound over all of them."""

    def __init__(
        self, comparisons: Comparisons, pairs: Pairs, threshold: float, progress: Callable[[float], None]
    ) -> None:
        self._threshold = threshold
        ordered = pairs.similarity.astype(np.float64)
        deepest = math.log10(ordered.size / np.count_nonzero(ordered > threshold))
        shares = 1 - 10.0 ** -np.arange(0.0, deepest - BODY_STEP / 2, BODY_STEP)
        self._body = np.unique(np.quantile(ordered, shares, method="lower"))
        starts = np.searchsorted(ordered, self._body, side="left")
        above = int(np.searchsorted(ordered, threshold, side="right"))
        self._shares: list[NDArray[np.float64]] = []
        self._tails: list[ParetoTail] = []
        excess = ordered[above:] - threshold
        shape = fit_shape(excess)
        draws = draw_subjects(comparisons.samples_of.size, REPLICATES)
        for done, drawn in enumerate(draws, start=1):
            weights = _pair_weights(pairs, drawn)
            upward = np.cumsum(weights[::-1])[::-1]
            tail = fit_tail(excess, weights[above:], threshold, float(upward[0]), shape)
            if tail is not None:
                self._tails.append(tail)
                self._shares.append(upward[starts] / upward[0])
            progress(done / REPLICATES)

    def body(self) -> list[tuple[float, float]]:
        """Return knots below the tail."""
        scores = np.quantile(-np.log10(np.array(self._shares)), BOUND, axis=0)
        return [(float(x), float(s)) for x, s in zip(self._body, scores, strict=True) if x < self._threshold]

    def tail(self, cap: float) -> list[tuple[float, float]]:
        """Return knots from the tail's threshold up to the cap."""
        farthest = self._threshold + max(tail.scale for tail in self._tails)
        while self._bound(np.array([farthest]))[0] < cap:
            farthest += farthest - self._threshold
        similarity = np.linspace(self._threshold, farthest, 20_000)
        bound = self._bound(similarity)
        scores = [bound[0], *np.arange(math.ceil(bound[0] / TAIL_STEP + 0.2) * TAIL_STEP, cap + 1e-9, TAIL_STEP)]
        return [(float(np.interp(score, bound, similarity)), float(score)) for score in scores]

    def _bound(self, similarity: NDArray[np.float64]) -> NDArray[np.float64]:
        every = np.stack([tail.score(similarity) for tail in self._tails])
        return np.asarray(np.quantile(every, BOUND, axis=0), dtype=np.float64)


def _enrolled(pairs: Pairs) -> Pairs:
    """Leave out the comparisons that failed: they say nothing about similarities."""
    made = np.isfinite(pairs.similarity)
    return Pairs(pairs.similarity[made], pairs.first[made], pairs.second[made])


def _pair_weights(pairs: Pairs, drawn: Weights) -> NDArray[np.int64]:
    return np.asarray(drawn[pairs.first] * drawn[pairs.second], dtype=np.int64)


def _increasing(knots: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Round to four digits, start at score 0, and drop knots that do not rise in both columns."""
    kept = [(float(f"{knots[0][0]:.4g}"), 0.0)]
    for similarity, score in knots[1:]:
        rounded = (float(f"{similarity:.4g}"), round(score, 3))
        if rounded[0] > kept[-1][0] and rounded[1] > kept[-1][1]:
            kept.append(rounded)
    return tuple(kept)
