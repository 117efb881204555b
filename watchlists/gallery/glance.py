"""Which vectors of a segment may be alike at all, by the end of each: a part of its bytes, looked at before a sieve.

By the Cauchy-Schwarz inequality the rest of two vectors adds no more to their inner product than the product of the
rests' lengths. So where much likeness is asked for, their ends alone rule nearly everybody out, and nothing is ever
missed. The built-in embedding ends with the values of the network that tells strangers apart best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.byte_product import product_of_rows
from models.fingerprint.compiler import kernel, popcount
from watchlists.gallery.sieve import SLACK, STEPS, rounded
from watchlists.gallery.vectors import Vectors, longest

Bitmap = NDArray[np.uint8]

END: Final = 96
"""Values at the end of a vector; shorter ones are filled up with zeros."""
MOST: Final = 256
"""Slots that one look finds at most: all vectors of as many are read sooner than the bytes of a whole segment."""

_product: Final = product_of_rows(END)


@dataclass(frozen=True, slots=True)
class ProbeEnds:
    """Probes as glances look for them, made once for all segments.

    Args:
        ends: (q, END), whole numbers.
        rests: (q,), lengths of what is before the ends, in steps.
        length: of the longest end.
        coarseness: no end was rounded by more.
    """

    ends: NDArray[np.int8]
    rests: NDArray[np.float32]
    length: float
    coarseness: float

    @classmethod
    def of(cls, probes: Vectors) -> ProbeEnds:
        """Take probes (q, dimension) apart."""
        ends, rests = _apart(probes)
        whole = rounded(ends)
        return cls(whole.astype(np.int8), rests, longest(ends), longest(ends - whole / STEPS))


class Glance:
    """The ends of a segment's vectors, each value rounded to a byte, and the lengths of the rests."""

    def __init__(self, slots: int) -> None:
        self._ends = np.zeros((slots, END), np.int8)
        self._rests = np.zeros(slots, np.float32)
        self._coarseness = 0.0  # no end in here was ever rounded by more
        self._longest = 0.0  # nor was any longer, once rounded

    def put(self, offsets: NDArray[np.integer] | int, vectors: Vectors) -> None:
        """Write vectors (n, dimension) to some slots, or one (1, dimension) to one."""
        ends, rests = _apart(vectors)
        whole = rounded(ends)
        where = np.atleast_1d(offsets)
        self._ends[where] = whole
        self._rests[where] = rests
        self._coarseness = max(self._coarseness, longest(ends - whole / STEPS))
        self._longest = max(self._longest, longest(whole / STEPS))

    def at_least(self, similarity: float, probes: ProbeEnds, allowed: Bitmap) -> NDArray[np.int64] | None:
        """Return every slot that has an inner product of at least `similarity` with a probe, and perhaps others.

        Args:
            similarity: threshold.
            probes: what is looked for.
            allowed: which slots to look at, a bit each, the lowest first.

        Returns:
            The slots, in order; None if there may be more than `MOST`.
        """
        changed = probes.length * self._coarseness + probes.coarseness * self._longest
        lowest = (similarity - SLACK * changed) * STEPS**2
        found = np.empty(MOST, np.int64)
        count = _look(self._ends, self._rests, probes.ends, probes.rests, allowed, lowest, found)
        return found[:count] if count <= MOST else None


def warm_up() -> None:
    """Compile the kernel, or load it from its cache, so that no later call waits for a compiler."""
    Glance(8).at_least(1.0, ProbeEnds.of(np.ones((1, END), np.float32)), np.zeros(1, np.uint8))


def _apart(vectors: Vectors) -> tuple[Vectors, NDArray[np.float32]]:
    """Return the ends (n, END), and the lengths of what is before them in steps, rounded up."""
    ends = np.zeros((len(vectors), END), np.float32)
    there = min(END, vectors.shape[1])
    ends[:, END - there :] = vectors[:, -there:]
    rests = np.linalg.norm(vectors[:, :-there], axis=1) * (SLACK * STEPS)
    return ends, rests.astype(np.float32)


@kernel
def _any_near(
    ends: NDArray[np.int8],
    rests: NDArray[np.float32],
    probe_ends: NDArray[np.int8],
    probe_rests: NDArray[np.float32],
    start: int,
    stop: int,
    lowest: float,
) -> bool:
    """Whether any of some slots may reach `lowest` with any of the probes."""
    near = False
    for probe in range(len(probe_rests)):
        for slot in range(start, stop):
            near |= _product(ends, slot, probe_ends, probe) + rests[slot] * probe_rests[probe] >= lowest
    return near


@kernel
def _is_sparse(bits: int) -> bool:
    return bool(popcount(np.uint64(bits)) < np.uint64(4))


@kernel
def _look(
    ends: NDArray[np.int8],
    rests: NDArray[np.float32],
    probe_ends: NDArray[np.int8],
    probe_rests: NDArray[np.float32],
    allowed: Bitmap,
    lowest: float,
    found: NDArray[np.int64],
) -> int:
    """Write the slots that may reach `lowest` (steps squared) to `found`; return their number, or one that is too many.

    Eight slots, a byte of `allowed`, are reckoned without a question in between, for hardly ever is one of them near;
    where few of the eight are allowed, those alone are.
    """
    count = 0
    for start in range(0, len(ends), 8):
        stop, which = min(start + 8, len(ends)), allowed[start >> 3]
        if which and (_is_sparse(which) or _any_near(ends, rests, probe_ends, probe_rests, start, stop, lowest)):
            for slot in range(start, stop):
                is_allowed = (which >> (slot - start)) & 1
                if is_allowed and _any_near(ends, rests, probe_ends, probe_rests, slot, slot + 1, lowest):
                    if count == len(found):
                        return count + 1
                    found[count] = slot
                    count += 1
    return count
