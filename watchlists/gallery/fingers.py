"""Finger templates: every visible one is compared; of very many, those that look most like the probe."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import SHORTLIST
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.matcher import FingerprintPack
from models.samples import Position
from models.score_calibration import ScoreCalibration
from models.scores import fuse
from watchlists.gallery.choosing import chosen
from watchlists.gallery.column import Column

NOT_COMPARED = -1.0
_NO_OWNER = -1


def finger_score(positions: Sequence[float], best_pair: float, pairs: int) -> float | None:
    """Return the score of all fingers of a probe against those of an entry, None if nothing was compared.

    It is the best of these looks, less `log10` of the number of looks taken (union bound, as in
    `models.scores.match_score`); in none of them does a finger count twice:

    - the fusion of all positions that both sides know (Fisher's method);
    - if these are several, the best of them alone, less `log10` of their number: a finger that was swapped or injured
      must not hide the others;
    - the best pair of a finger of unknown position with any other, less `log10` of the number of such pairs: most of
      them cannot be mated, and fusing them would drown the one that is.

    So strangers whose comparisons have `P(score >= s) <= 10**-s` have it for all their fingers too.

    Args:
        positions: the score of each position that both sides know.
        best_pair: the best score of all comparisons in which a side does not know the position.
        pairs: the number of those comparisons.
    """
    looks = []
    if positions:
        looks.append(fuse(positions))
    if len(positions) > 1:
        looks.append(max(positions) - math.log10(len(positions)))
    if pairs:
        looks.append(best_pair - math.log10(pairs))
    return max(0.0, max(looks) - math.log10(len(looks))) if looks else None


@dataclass(frozen=True, slots=True)
class FingerSelection:
    """The rows that a search may look at: bool (rows,)."""

    allowed: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FingerScores:
    """How the fingers of a probe compare with those of every entry.

    Args:
        positions: (positions, entries), the best score of each position that the probe knows, `NOT_COMPARED` where the
            entry has no finger known to be of that position.
        best_pair: (entries,), the best score of the comparisons in which a side does not know the position.
        pairs: (entries,), the number of those comparisons.
        comparisons: number of all comparisons made.
    """

    positions: NDArray[np.float64]
    best_pair: NDArray[np.float64]
    pairs: NDArray[np.int64]
    comparisons: int

    @property
    def chances(self) -> int:
        """How many comparisons a stranger can be flagged by: the pairs of an entry, whose score pays for them, are one.

        The flag threshold must rise with these alone, or each pair would be paid for twice.
        """
        if not self.comparisons:
            return 0
        return self.comparisons - int(self.pairs.sum()) + int(np.count_nonzero(self.pairs))

    def of(self, number: int) -> float | None:
        """Return the score of all fingers that were compared with entry `number`, None if none was."""
        known = [float(score) for score in self.positions[:, number] if score != NOT_COMPARED]
        return finger_score(known, float(self.best_pair[number]), int(self.pairs[number]))

    def best(self, number: int) -> float:
        """Return the score of the best single comparison with entry `number`, paying for nothing."""
        return float(max(self.positions[:, number].max(initial=0.0), self.best_pair[number]))

    def at_least(self, score: float) -> set[int]:
        """Return the numbers of all entries whose score, or whose best comparison, is at least `score`.

        There may be others among them: a look never exceeds the sum over the positions or the best pair.
        """
        if not self.comparisons:
            return set()
        compared = (self.positions != NOT_COMPARED).any(axis=0) | (self.pairs > 0)
        bound = np.maximum(np.maximum(self.positions, 0.0).sum(axis=0), self.best_pair)
        return set(np.flatnonzero(compared & (bound >= score)).tolist())


class FingerIndex:
    """Finger templates in numbered rows, each belonging to an entry number.

    Not thread-safe: the gallery's lock lets in one writer alone, or any number of searches.

    Args:
        calibration: from the similarity of two fingers to a score.
        threads: how many compare, for all searches together.
    """

    def __init__(self, calibration: ScoreCalibration, *, threads: int = 1) -> None:
        self._calibration = calibration
        self._pack = FingerprintPack(threads=threads)
        self._owners = Column(np.int32, _NO_OWNER)
        self._positions = Column(np.uint8, Position.UNKNOWN.code)
        self._count = 0

    def __len__(self) -> int:
        """Number of templates."""
        return self._count

    def add(self, template: FingerTemplate, number: int) -> int:
        """Add a template for entry `number`; return its row."""
        row = self._pack.add(template)
        for column in (self._owners, self._positions):
            column.reserve(row + 1)
        self._owners.values[row] = number
        self._positions.values[row] = template.position.code
        self._count += 1
        return row

    def remove(self, row: int) -> None:
        """Overwrite a row and free it."""
        self._pack.remove(row)
        for column in (self._owners, self._positions):
            column.clear(row)
        self._count -= 1

    def select(self, visible: NDArray[np.bool_]) -> FingerSelection:
        """Return the rows of the entries whose numbers are True in `visible` (entries,)."""
        return FingerSelection(chosen(visible, self._owners.values[: len(self._pack)]))

    def compare(self, probes: Iterable[FingerTemplate], selection: FingerSelection, entries: int) -> FingerScores:
        """Compare the fingers of one probe with all selected rows.

        Several views of one known position count as one finger: their best score. An unknown position may be any
        finger.

        Where more than `SHORTLIST.exhaustive_up_to` templates may be of the same finger as a probe, the exact
        comparison looks at a shortlist of them (`models.fingerprint.shortlist`), and the others score 0. They count as
        compared, because the best of all of them was looked for. A mate that the shortlist misses is not found by this
        finger.

        Args:
            probes: fingers of one person.
            selection: from `select`, with no change in between.
            entries: entry numbers are below this.
        """
        rows = np.flatnonzero(selection.allowed)
        codes, owners = self._positions.values[rows], self._owners.values[rows]
        best_pair, pairs = np.zeros(entries), np.zeros(entries, np.int64)
        positions: dict[Position, NDArray[np.float64]] = defaultdict(lambda: np.full(entries, NOT_COMPARED))
        comparisons = 0
        for probe in probes:
            unknown = probe.position is Position.UNKNOWN
            paired = np.full(len(rows), True) if unknown else codes == Position.UNKNOWN.code
            known = (codes == probe.position.code) & ~paired
            similarities = self._pack.compare_all(probe, selection.allowed, exhaustive_up_to=SHORTLIST.exhaustive_up_to)
            scores = self._calibration.score(similarities[rows])
            if known.any():
                np.maximum.at(positions[probe.position], owners[known], scores[known])
            np.maximum.at(best_pair, owners[paired], scores[paired])
            np.add.at(pairs, owners[paired], 1)
            comparisons += int(np.count_nonzero(known | paired))
        known_scores = np.array(list(positions.values())).reshape(len(positions), entries)
        return FingerScores(known_scores, best_pair, pairs, comparisons)
