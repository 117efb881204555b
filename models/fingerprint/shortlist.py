"""The shortlist: which templates of a large gallery are worth an exact comparison.

Two passes over the cylinders that the gallery holds anyway, so that there is nothing to train, to rebuild or to store:
every second angular section against the best cylinders of the probe, then, for those that look most alike, all sections
against all cylinders. Neither looks at geometry, so a finger may be turned and shifted at will.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.fingerprint.block import Block
from models.fingerprint.cylinders import FingerTemplate

_SOME, _ALL = slice(0, 6, 2), slice(0, 6)
"""Angular sections of a cylinder: every second, and all. Neighbouring ones hold much the same."""

Spread = Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]]
"""How work on parts is done: `map`, or that of a pool of threads."""


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
        return cls(np.ascontiguousarray(everything[_SOME, : calibration.SHORTLIST.leading_cylinders]), everything)

    def choose(self, runs: Runs, count: int, spread: Spread = map) -> NDArray[np.int64]:
        """Return the indexes of the `count` templates that look most like the probe, in rising order."""
        twice = count * calibration.SHORTLIST.second_pass
        first = _largest(_scores(self.leading, _SOME, runs, spread), twice)
        second = _largest(_scores(self.everything, _ALL, runs.take(first), spread), count)
        return first[second]


def _scores(cylinders: NDArray[np.uint64], sections: slice, runs: Runs, spread: Spread) -> NDArray[np.float32]:
    """Score each template against the root of its minutiae: the more there are, the more look alike by chance."""
    scores = np.zeros(len(runs), np.float32)

    def score_part(part: slice) -> None:
        block = runs.blocks[runs.numbers[part.start]]
        scores[part] = block.scan(cylinders, sections, runs.starts[part], runs.stops[part])

    do_all(spread, score_part, block_parts(runs.numbers))
    minutiae = np.maximum(runs.stops - runs.starts, calibration.SHORTLIST.fewest_minutiae)
    return np.asarray(scores / np.sqrt(minutiae, dtype=np.float32))


def do_all(spread: Spread, work: Callable[[slice], None], parts: Iterable[slice]) -> None:
    """Do the work on every part, and return when all is done; the first error is raised."""
    for _ in spread(work, parts):
        pass


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
