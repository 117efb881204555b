"""95 % intervals of error rates, by drawing subjects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.evaluation.rates import Weights

CONFIDENCE = 0.95
REPLICATES = 500
SEED = 19795
"""Fixed, so that the same samples give the same intervals."""

Interval = tuple[float, float]


def draw_subjects(subjects: int, replicates: int, seed: int = SEED) -> NDArray[np.int64]:
    """Return how often each subject is drawn in each replicate, (replicates, subjects) int64."""
    random = np.random.default_rng(seed)
    return np.stack(
        [np.bincount(random.integers(0, subjects, subjects), minlength=subjects) for _ in range(replicates)]
    )


def bootstrap_intervals(
    statistic: Callable[[Weights], NDArray[np.float64]],
    subjects: int,
    *,
    replicates: int = REPLICATES,
    progress: Callable[[float], None] = lambda _: None,
) -> NDArray[np.float64]:
    """Return the percentile interval of each statistic, (k, 2) float64; nan where a statistic is never defined.

    Whole subjects are drawn, with all their samples, because comparisons that share a subject depend on each other (the
    subsets bootstrap: Bolle, Ratha and Pankanti, Computer Vision and Image Understanding 93, 2004).

    Args:
        statistic: (k,) statistics for given weights of the subjects, nan where undefined.
        subjects: number of subjects.
        replicates: number of draws.
        progress: told the share that is done, 0 to 1.
    """
    found = []
    for done, weights in enumerate(draw_subjects(subjects, replicates), start=1):
        found.append(statistic(weights))
        progress(done / replicates)
    table = np.array(found)
    tails = (1 - CONFIDENCE) / 2
    limits = np.full((table.shape[1], 2), np.nan)
    for column, values in enumerate(table.T):
        defined = values[~np.isnan(values)]
        if defined.size:
            limits[column] = np.quantile(defined, [tails, 1 - tails])
    return limits


def widen(interval: Interval, rate: float, subjects: int) -> Interval:
    """Return the interval, made honest where no error (or nothing but errors) was seen.

    Drawing from subjects without an error never gives one, so the bootstrap says 0 to 0. The exact binomial bound over
    subjects (Clopper and Pearson, Biometrika 26, 1934; for large numbers ISO/IEC 19795-1's rule of three) takes over.
    """
    low, high = interval
    bound = 1 - ((1 - CONFIDENCE) / 2) ** (1 / max(subjects, 1))
    if rate == 0.0:
        high = max(high, bound)
    if rate == 1.0:
        low = min(low, 1 - bound)
    return low, high
