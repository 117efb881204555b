"""The figures of one evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.comparisons import Comparisons
from models.evaluation.intervals import Interval, bootstrap_intervals, widen
from models.evaluation.manifest import ManifestError
from models.evaluation.rates import ErrorCurve, PairTable, Weights
from models.evaluation.search import Searches, search_all
from models.samples import Modality

FMR_LEVELS = (0.01, 0.001, 0.0001)
FPIR_LEVELS = (0.01,)
BOOTSTRAP_PAIRS = 500_000
"""Least number of non-mated pairs that a bootstrap replicate looks at, of a set that has more."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The error rates; None where the samples are too few to tell. Keys of the mappings are the levels."""

    fte: float
    eer: float
    fnmr_at_fmr: dict[float, float | None]
    rank1: float
    fnir_at_fpir: dict[float, float | None]

    def values(self) -> tuple[float | None, ...]:
        return (self.fte, self.eer, *self.fnmr_at_fmr.values(), self.rank1, *self.fnir_at_fpir.values())


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, with which accuracy, how sure, and how fast.

    Args:
        intervals: 95 % interval of each of `rates.values()`, None where the rate is None.
        encode_ms: median milliseconds to encode one sample, one at a time.
        comparisons_per_second: on one core.
    """

    modality: Modality
    samples: int
    subjects: int
    mated: int
    nonmated: int
    rates: Rates
    intervals: tuple[Interval | None, ...]
    curve: ErrorCurve
    encode_ms: float
    comparisons_per_second: float

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON object (docs/evaluation.md)."""
        return {
            "modality": self.modality.value,
            "samples": self.samples,
            "subjects": self.subjects,
            "mated": self.mated,
            "nonmated": self.nonmated,
            **_named(self.rates.values()),
            "encode_ms": round(self.encode_ms, 3),
            "comparisons_per_second": round(self.comparisons_per_second),
            "intervals": _named(self.intervals),
        }


def evaluate(
    modality: Modality,
    comparisons: Comparisons,
    encode_ms: NDArray[np.float64],
    comparisons_per_second: float,
    progress: Callable[[str, float], None],
) -> Evaluation:
    """Return all figures of a set of comparisons.

    Args:
        modality: what was compared.
        comparisons: every sample against every other.
        encode_ms: (n,) milliseconds that each sample took to encode.
        comparisons_per_second: as measured on one core.
        progress: told the step and the share of it that is done.

    Raises:
        ManifestError: the samples allow no mated comparison or no search.
    """
    if np.count_nonzero(comparisons.samples_of >= 2) < 2:
        raise ManifestError("at least two subjects need two or more samples each; there is nothing to compare")
    table, searches = PairTable(comparisons), search_all(comparisons)
    curve = table.curve()
    rates = _rates(comparisons, curve, searches, np.ones_like(comparisons.samples_of))
    return Evaluation(
        modality=modality,
        samples=comparisons.samples,
        subjects=comparisons.samples_of.size,
        mated=comparisons.mated,
        nonmated=comparisons.nonmated,
        rates=rates,
        intervals=_intervals(comparisons, table, searches, rates, progress),
        curve=curve,
        encode_ms=float(np.median(encode_ms)),
        comparisons_per_second=comparisons_per_second,
    )


def _rates(comparisons: Comparisons, curve: ErrorCurve, searches: Searches, weights: Weights) -> Rates:
    drawn = weights[comparisons.subjects]
    return Rates(
        fte=float(drawn[comparisons.failed].sum() / drawn.sum()),
        eer=curve.eer(),
        fnmr_at_fmr={level: curve.fnmr_at(level) for level in FMR_LEVELS},
        rank1=searches.rank1(weights),
        fnir_at_fpir={level: searches.fnir_at(level, weights) for level in FPIR_LEVELS},
    )


def _intervals(
    comparisons: Comparisons,
    table: PairTable,
    searches: Searches,
    rates: Rates,
    progress: Callable[[str, float], None],
) -> tuple[Interval | None, ...]:
    # Only the most similar non-mated pairs decide the rates: a large set is cut to those, well beyond its EER.
    share = min(1.0, max(BOOTSTRAP_PAIRS / comparisons.nonmated, 4 * rates.eer))
    if share < 1.0:
        table = PairTable(comparisons, share)
    several = comparisons.samples_of >= 2

    def statistic(weights: Weights) -> NDArray[np.float64]:
        if np.count_nonzero(weights[several]) < 1 or np.count_nonzero(weights) < 2:
            return np.full(len(rates.values()), np.nan)
        replicate = _rates(comparisons, table.curve(weights), searches, weights).values()
        return np.array([np.nan if rate is None else rate for rate in replicate])

    limits = bootstrap_intervals(
        statistic, several.size, progress=lambda share_done: progress("Drawing subjects for the intervals", share_done)
    )
    mated_subjects = int(several.sum())
    found: list[Interval | None] = []
    for index, (rate, (low, high)) in enumerate(zip(rates.values(), limits, strict=True)):
        independent = several.size if index == 0 else mated_subjects  # FTE is over all subjects
        found.append(None if rate is None else widen((float(low), float(high)), rate, independent))
    return tuple(found)


def _named(values: tuple[Any, ...]) -> dict[str, Any]:
    """Give the values of `Rates.values()`, or their intervals, the names of the JSON object."""
    rounded = [_rounded(value) for value in values]
    last = 2 + len(FMR_LEVELS)
    return {
        "fte": rounded[0],
        "eer": rounded[1],
        "fnmr_at_fmr": {f"{level:g}": value for level, value in zip(FMR_LEVELS, rounded[2:last], strict=True)},
        "rank1": rounded[last],
        "fnir_at_fpir": {f"{level:g}": value for level, value in zip(FPIR_LEVELS, rounded[last + 1 :], strict=True)},
    }


def _rounded(value: float | Interval | None) -> float | list[float] | None:
    """Round to six digits after the point: a millionth is far below what any of these sets can tell."""
    if isinstance(value, tuple):
        return [round(limit, 6) for limit in value]
    return None if value is None else round(value, 6)
