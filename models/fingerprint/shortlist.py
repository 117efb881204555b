"""The shortlist: which templates of a large gallery are worth an exact comparison.

Two passes over the cylinders that the gallery holds anyway, so that there is nothing to train, to rebuild or to store:
every second angular section against the best cylinders of the probe, then, for those that look most alike, all sections
against all cylinders. Neither looks at geometry, so a finger may be turned and shifted at will.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.block import Block
from models.fingerprint.cylinders import FingerTemplate

EXHAUSTIVE_UP_TO = 5000
"""With so many templates to compare, or fewer, all are compared exactly: it takes no longer than 0.2 s on one core."""
SHORTLIST = 750
"""Templates that are compared exactly when there are more: about 30 ms on one core."""
_SECOND_PASS = 8
"""Templates that the second pass looks at for each one it keeps."""
_CYLINDERS = 20
"""Cylinders of the probe in the first pass, which takes time in proportion."""
_SOME, _ALL = slice(0, 6, 2), slice(0, 6)
"""Angular sections of a cylinder: every second, and all. Neighbouring ones hold much the same."""
_FEWEST = 10
"""Templates with fewer minutiae do not profit from having few."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Where templates lie: in which block, from where to where; those of one block follow each other."""

    blocks: list[Block]
    numbers: NDArray[np.int32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, chosen: NDArray[np.int64]) -> Runs:
        """Return the chosen ones, given in rising order."""
        return Runs(self.blocks, self.numbers[chosen], self.starts[chosen], self.stops[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """A probe that looks for the templates most like it.

    Attributes:
        leading: uint64 (3, m), every second section of its widest cylinders.
        everything: uint64 (6, n), all of its cylinders.
    """

    leading: NDArray[np.uint64]
    everything: NDArray[np.uint64]

    @classmethod
    def of(cls, probe: FingerTemplate) -> Self:
        """Prepare a probe. The widest cylinders are those with the most cells inside the print, then the most bits."""
        cells = np.bitwise_count(probe.validity).astype(np.int64)
        bits = np.bitwise_count(probe.bits).sum(axis=0, dtype=np.int64)
        order = np.lexsort((-bits, -cells))[: np.count_nonzero(cells)]
        everything = np.ascontiguousarray(probe.bits[:, order])
        return cls(np.ascontiguousarray(everything[_SOME, :_CYLINDERS]), everything)

    def choose(self, runs: Runs, count: int) -> NDArray[np.int64]:
        """Return the indexes of the `count` templates that look most like the probe, in rising order."""
        first = _largest(self._scores(self.leading, _SOME, runs), count * _SECOND_PASS)
        second = _largest(self._scores(self.everything, _ALL, runs.take(first)), count)
        return first[second]

    @staticmethod
    def _scores(cylinders: NDArray[np.uint64], sections: slice, runs: Runs) -> NDArray[np.float32]:
        """Score each template against the root of its minutiae: the more there are, the more look alike by chance."""
        scores = np.zeros(len(runs), np.float32)
        for part in block_parts(runs.numbers):
            block = runs.blocks[runs.numbers[part.start]]
            scores[part] = block.scan(cylinders, sections, runs.starts[part], runs.stops[part])
        return np.asarray(scores / np.sqrt(np.maximum(runs.stops - runs.starts, _FEWEST), dtype=np.float32))


def block_parts(numbers: NDArray[np.int32], most: int | None = None) -> list[slice]:
    """Cut rows that are sorted by block number into runs of one block, and of `most` rows if that is given."""
    edges = np.flatnonzero(np.diff(numbers)) + 1
    parts = []
    for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), len(numbers)], strict=True):
        step = most or max(1, stop - start)
        parts += [slice(at, min(at + step, stop)) for at in range(start, stop, step)]
    return parts


def _largest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indexes of the `count` largest scores, in rising order."""
    if count >= len(scores):
        return np.arange(len(scores))
    return np.sort(np.argpartition(-scores, count)[:count])
