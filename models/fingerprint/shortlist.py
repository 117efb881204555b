"""The shortlist: which templates of a large gallery are worth an exact comparison.

Two passes over the cylinders that the gallery holds anyway: every second angular section against the best cylinders of
the probe, then, for those that look most alike, all sections against all cylinders. In both, what the cylinders say is
added to what the vectors of whole impressions say (`vector.py`): the two miss different mates. None of it depends on
where the finger lies, so it may be turned and shifted at will, and nothing has to be rebuilt as templates come and go.
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
from models.fingerprint.sides import LANES, Sought

_NOTHING = -(1 << 32)
"""What the bits of a missing cylinder count: so little that no partner makes up for it."""
_SOME, _ALL = slice(0, 6, 2), slice(0, 6)
"""Angular sections of a cylinder: every second, and all. Neighbouring ones hold much the same."""

Spread = Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]]
"""How work on parts is done: `map`, or that of a pool of threads."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Where templates lie: in which block, from where to where; those of one block follow each other.

    Attributes:
        rows: which row each one is; `vectors` int8 (rows of the gallery, 96).
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.int8]
    blocks: list[Block]
    numbers: NDArray[np.int32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, chosen: NDArray[np.int64]) -> Runs:
        """Return the chosen ones, given in rising order."""
        rows, numbers = self.rows[chosen], self.numbers[chosen]
        return Runs(rows, self.vectors, self.blocks, numbers, self.starts[chosen], self.stops[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """A probe that looks for the templates most like it.

    Attributes:
        leading: every second section of its widest cylinders.
        everything: all of its cylinders.
        vector: int8 (96,).
    """

    leading: Sought
    everything: Sought
    vector: NDArray[np.int8]

    @classmethod
    def of(cls, probe: FingerTemplate) -> Self:
        """Prepare a probe. The widest cylinders are those with the most cells inside the print, then the most bits."""
        cells = np.bitwise_count(probe.validity).astype(np.int64)
        bits = np.bitwise_count(probe.bits).sum(axis=0, dtype=np.int64)
        order = np.lexsort((-bits, -cells))[: np.count_nonzero(cells)]
        leading = order[: calibration.SHORTLIST.leading_cylinders]
        return cls(_sought(probe, leading, _SOME), _sought(probe, order, _ALL), probe.with_vector().vector)

    def choose(self, runs: Runs, count: int, spread: Spread = map) -> NDArray[np.int64]:
        """Return the indexes of the `count` templates that look most like the probe, in rising order."""
        if count >= len(runs):
            return np.arange(len(runs))
        twice = count * calibration.SHORTLIST.second_pass
        near = calibration.SHORTLIST.vector_weight * _standard(_likeness(self.vector, runs))
        first = _largest(_standard(_scores(self.leading, runs, spread)) + near, twice)
        explained = _standard(_scores(self.everything, runs.take(first), spread))
        second = _largest(explained + near[first], count)
        return first[second]


def _sought(probe: FingerTemplate, chosen: NDArray[np.int64], sections: slice) -> Sought:
    """Lay the chosen cylinders out for the scan, and fill up with some that nothing is like."""
    words = np.ascontiguousarray(probe.bits[sections][:, chosen])
    own = calibration.SHORTLIST.credit * np.bitwise_count(words).sum(axis=0, dtype=np.int64)
    filling = (0, -len(chosen) % LANES)
    return Sought(sections, np.pad(own, filling, constant_values=_NOTHING), tuple(np.pad(words, ((0, 0), filling))))


def _standard(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring scores to a mean of zero and a deviation of one: what strangers score, who are nearly all there are."""
    deviation = float(scores.std())
    return np.asarray((scores - scores.mean()) / np.float32(deviation if deviation > 0 else 1))


def _likeness(vector: NDArray[np.int8], runs: Runs) -> NDArray[np.float32]:
    from models.fingerprint import scan  # numba is loaded when it is first needed, not on import

    products = np.zeros(len(runs), np.int32)
    scan.liken_vectors(vector, runs.vectors, runs.rows, products)
    return products.astype(np.float32)


def _scores(sought: Sought, runs: Runs, spread: Spread) -> NDArray[np.float32]:
    """Score each template against the root of its minutiae: the more there are, the more look alike by chance."""
    scores = np.zeros(len(runs), np.float32)

    def score_part(part: slice) -> None:
        block = runs.blocks[runs.numbers[part.start]]
        scores[part] = block.scan(sought, runs.starts[part], runs.stops[part])

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
