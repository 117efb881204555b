"""The table that turns the raw similarity of one comparison into a score, `-log10(FMR)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """A monotone table from raw similarity to `-log10(FMR)`, linear between its knots.

    Below the first knot the score is 0; above the last it stays at the last knot's score, the `cap`: the table does not
    claim what its data cannot carry. `models.evaluation.fit` says how the knots come from a data set.

    Args:
        knots: (similarity, score) pairs, both strictly increasing, the first score 0.
        source: the data, the number of comparisons and the date behind the knots.

    Raises:
        ValueError: the knots are too few, not finite, not strictly increasing, or do not start at score 0.
    """

    knots: tuple[tuple[float, float], ...]
    source: str

    def __post_init__(self) -> None:
        table = np.array(self.knots, dtype=np.float64)
        if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] != 2:
            raise ValueError("a calibration needs at least two (similarity, score) knots")
        if not np.isfinite(table).all() or not (np.diff(table, axis=0) > 0).all():
            raise ValueError(
                "the knots of a calibration must be finite and strictly increasing in similarity and score"
            )
        if table[0, 1] != 0.0:
            raise ValueError(
                "the first knot of a calibration must have score 0 (every comparison scores at least that)"
            )

    @property
    def cap(self) -> float:
        """The highest score that one comparison can get."""
        return self.knots[-1][1]

    @overload
    def score(self, similarity: float) -> float: ...
    @overload
    def score(self, similarity: NDArray[np.floating[Any]]) -> NDArray[np.float64]: ...
    def score(self, similarity: float | NDArray[np.floating[Any]]) -> float | NDArray[np.float64]:
        """Return `-log10(FMR)` at each similarity, from 0 to `cap`, in the shape of the argument."""
        similarities, scores = zip(*self.knots, strict=True)
        found = np.interp(similarity, similarities, scores)
        return found if isinstance(similarity, np.ndarray) else float(found)

    @overload
    def similarity(self, score: float) -> float: ...
    @overload
    def similarity(self, score: NDArray[np.floating[Any]]) -> NDArray[np.float64]: ...
    def similarity(self, score: float | NDArray[np.floating[Any]]) -> float | NDArray[np.float64]:
        """Return the lowest similarity that reaches each score: `-inf` for a score of 0, `inf` above the cap."""
        similarities, scores = zip(*self.knots, strict=True)
        found = np.interp(score, scores, similarities)
        found = np.where(np.less_equal(score, 0.0), -np.inf, np.where(np.greater(score, self.cap), np.inf, found))
        return found if isinstance(score, np.ndarray) else float(found)
