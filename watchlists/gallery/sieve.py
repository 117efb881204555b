"""Which vectors of a segment may be alike at all: a coarse copy, a quarter as long, that FAISS looks through first.

To look through all vectors costs what it takes to read them. A copy in bytes is read in a quarter of the time, and what
the rounding changes is bounded: nothing is ever missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from watchlists.gallery.vectors import Vectors, fill_with_zeros, longest

MOST: Final = 16
"""Slots that one look finds at most; if as many may be alike, all vectors have to be looked through."""
STEPS: Final = 256.0
"""Steps of a byte for a length of one: values up to a half fit, and no embedding of 128 values has a larger one."""
_ZERO: Final = np.uint8(128)
"""How FAISS stores a byte with a sign: added to it, which for the bits is to turn the first one."""
SLACK: Final = 1.001
"""Far more than the rounding of what the bounds are computed from."""


@dataclass(frozen=True, slots=True)
class RoundedProbes:
    """Probes as sieves look for them, rounded once for all segments.

    Args:
        rounded: (q, dimension), whole numbers.
        length: of the longest probe.
        coarseness: no probe was rounded by more.
    """

    rounded: Vectors
    length: float
    coarseness: float

    @classmethod
    def of(cls, probes: Vectors) -> RoundedProbes:
        """Round probes (q, dimension)."""
        whole = rounded(probes)
        return cls(whole, longest(probes), longest(probes - whole / STEPS))


class Sieve:
    """A copy of a segment's vectors, each value rounded to a byte. Values that do not fit only make it coarser."""

    def __init__(self, dimension: int, slots: int) -> None:
        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        self._index = faiss.IndexScalarQuantizer(dimension, kind, faiss.METRIC_INNER_PRODUCT)
        fill_with_zeros(self._index, slots)
        codes: NDArray[np.uint8] = faiss.rev_swig_ptr(self._index.codes.data(), slots * dimension)
        self._codes = codes.reshape(slots, dimension)
        self._coarseness = 0.0  # no vector in here was ever rounded by more
        self._longest = 0.0  # nor was any longer, once rounded

    def put(self, offsets: NDArray[np.integer] | int, vectors: Vectors) -> None:
        """Write vectors (n, dimension) to some slots, or one (1, dimension) to one."""
        whole = rounded(vectors)
        self._codes[offsets] = whole.astype(np.int8).view(np.uint8) ^ _ZERO
        whole *= 1 / STEPS
        self._longest = max(self._longest, longest(whole))
        self._coarseness = max(self._coarseness, longest(np.subtract(vectors, whole, out=whole)))

    def at_least(self, similarity: float, probes: RoundedProbes, parameters: Any) -> NDArray[np.int64] | None:
        """Return every slot that has an inner product of at least `similarity` with a probe, and perhaps others.

        The Cauchy-Schwarz inequality bounds what the rounding of both vectors, one after the other, can have changed.

        Args:
            similarity: threshold.
            probes: what is looked for.
            parameters: of FAISS, which slots to look at.

        Returns:
            The slots, in no order, some perhaps twice; None if there may be more than are found in one look.
        """
        changed = probes.length * self._coarseness + probes.coarseness * self._longest
        lowest = (similarity - SLACK * changed) * STEPS**2
        products, slots = self._index.search(probes.rounded, MOST, params=parameters)
        if (products[:, -1] >= lowest).any():
            return None
        found: NDArray[np.int64] = slots[products >= lowest]
        return found


def rounded(vectors: Vectors) -> Vectors:
    """Return the whole numbers from -128 to 127 that stand for the values."""
    steps = vectors * np.float32(STEPS)
    return np.clip(np.rint(steps, out=steps), -128, 127, out=steps)
