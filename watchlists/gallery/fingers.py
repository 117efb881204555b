"""Finger templates: every visible one is compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import ScoreCalibration
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.matcher import FingerprintPack
from models.samples import Position

NOT_COMPARED = -1.0


@dataclass(frozen=True, slots=True)
class FingerSelection:
    """The rows that a search may look at: bool (rows,)."""

    allowed: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FingerScores:
    """How the fingers of a probe compare with those of every entry.

    Args:
        scores: (positions, entries), the best score of each position of the probe, `NOT_COMPARED` where the entry has
            no comparable finger.
        comparisons: number of comparisons made.
    """

    scores: NDArray[np.float64]
    comparisons: int

    def of(self, number: int) -> list[float]:
        """Return the scores of the positions that were compared with entry `number`."""
        return [float(score) for score in self.scores[:, number] if score != NOT_COMPARED]

    def sum_at_least(self, score: float) -> set[int]:
        """Return the numbers of all compared entries whose scores add up to at least `score`.

        A fusion never exceeds the sum of its scores, so none is missed that fuses to `score`.
        """
        compared = (self.scores != NOT_COMPARED).any(axis=0)
        enough = np.maximum(self.scores, 0.0).sum(axis=0) >= score
        return set(np.flatnonzero(compared & enough).tolist())


class FingerIndex:
    """Finger templates in numbered rows, each belonging to an entry number.

    Not thread-safe: the gallery's lock lets in one writer alone, or any number of searches.
    """

    def __init__(self, calibration: ScoreCalibration) -> None:
        self._calibration = calibration
        self._pack = FingerprintPack()
        self._owners = np.full(1024, -1, np.int32)
        self._positions = np.zeros(1024, np.uint8)
        self._count = 0

    def __len__(self) -> int:
        """Number of templates."""
        return self._count

    def add(self, template: FingerTemplate, number: int) -> int:
        """Add a template for entry `number`; return its row."""
        row = self._pack.add(template)
        if row >= len(self._owners):
            self._owners = np.concatenate([self._owners, np.full_like(self._owners, -1)])
            self._positions = np.concatenate([self._positions, np.zeros_like(self._positions)])
        self._owners[row] = number
        self._positions[row] = template.position.code
        self._count += 1
        return row

    def remove(self, row: int) -> None:
        """Overwrite a row and free it."""
        self._pack.remove(row)
        self._owners[row] = -1
        self._count -= 1

    def select(self, visible: NDArray[np.bool_]) -> FingerSelection:
        """Return the rows of the entries whose numbers are True in `visible` (entries,)."""
        return FingerSelection(np.append(visible, np.False_)[self._owners[: len(self._pack)]])

    def compare(self, probes: Iterable[FingerTemplate], selection: FingerSelection, entries: int) -> FingerScores:
        """Compare the fingers of one probe with all selected rows.

        Several views of one position count as one finger: their best score.

        Args:
            probes: fingers of one person.
            selection: from `select`, with no change in between.
            entries: entry numbers are below this.
        """
        views = defaultdict(list)
        for probe in probes:
            views[probe.position].append(probe)
        scores = np.full((len(views), entries), NOT_COMPARED)
        comparisons = 0
        for best, (position, templates) in zip(scores, views.items(), strict=True):
            rows = self._comparable_rows(position, selection)
            comparisons += len(rows) * len(templates)
            for template in templates:
                similarities = self._pack.compare_all(template, selection.allowed)[rows]
                np.maximum.at(best, self._owners[rows], self._calibration.score(similarities))
        return FingerScores(scores, comparisons)

    def _comparable_rows(self, position: Position, selection: FingerSelection) -> NDArray[np.int64]:
        """Rows of the same finger; an unknown position may be any finger."""
        positions = self._positions[: len(selection.allowed)]
        unknown = Position.UNKNOWN.code
        comparable = (positions == position.code) | (positions == unknown) | (position.code == unknown)
        return np.flatnonzero(selection.allowed & comparable)
