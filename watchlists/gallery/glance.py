"""Which vectors of a segment may be alike at all, by the end of each: a part of its bytes, looked at before a sieve.

By the Cauchy-Schwarz inequality the rest of two vectors adds no more to their inner product than the product of the
rests' lengths. So where much likeness is asked for, their ends alone rule nearly everybody out, and nothing is ever
missed. The built-in embedding ends with the values of the network that tells strangers apart best.

What a look costs is what it reads. So it goes over the last values of all vectors, and over the values before only
where these leave one near. Of strangers on real images the last 64 values leave 1 in 700 at the likeness that is a lead
in a gallery of 100,000, and 96 values 1 in 5,000; of random directions 1 in 17,000, and none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.block_sums import LANES, sums_of_block
from models.fingerprint.compiler import kernel
from watchlists.gallery.sieve import SLACK, STEPS, rounded
from watchlists.gallery.vectors import Vectors, longest

Bitmap = NDArray[np.uint8]

LAST: Final = 64
"""Values at the end of a vector that are looked at first."""
END: Final = 96
"""Values at the end of a vector that are looked at; shorter vectors are filled up with zeros."""
MOST: Final = 256
"""Slots that one look finds at most: all vectors of as many are read sooner than the bytes of a whole segment."""
_PARTS: Final = (LAST, END)
"""What is looked at, each part of it with all that comes after it."""

_sums_of_last: Final = sums_of_block(LAST)
_sums_before: Final = sums_of_block(END - LAST)


@dataclass(frozen=True, slots=True)
class ProbeEnds:
    """Probes as glances look for them, made once for all segments.

    Args:
        last: (q, LAST), whole numbers.
        before: (q, END - LAST), whole numbers.
        rests: (q, 2), lengths of what is before the last values, and before the ends, in steps.
        length: of the longest end.
        coarseness: no end was rounded by more.
    """

    last: Vectors
    before: Vectors
    rests: Vectors
    length: float
    coarseness: float

    @classmethod
    def of(cls, probes: Vectors) -> ProbeEnds:
        """Take probes (q, dimension) apart."""
        ends, rests = _apart(probes)
        whole = rounded(ends)
        last, before = (np.ascontiguousarray(part) for part in _split(whole))
        return cls(last, before, rests, longest(ends), longest(ends - whole / STEPS))


class Glance:
    """The ends of a segment's vectors, each value rounded to a byte, and the lengths of the rests.

    The bytes lie as `sums_of_block` takes them.
    """

    def __init__(self, slots: int) -> None:
        blocks = -(-slots // LANES)
        self._slots = slots
        self._last = np.zeros((blocks, LAST, LANES), np.int8)
        self._before = np.zeros((blocks, END - LAST, LANES), np.int8)
        self._rests = np.zeros((len(_PARTS), blocks * LANES), np.float32)
        self._coarseness = 0.0  # no end in here was ever rounded by more
        self._longest = 0.0  # nor was any longer, once rounded

    def put(self, offsets: NDArray[np.integer] | int, vectors: Vectors) -> None:
        """Write vectors (n, dimension) to some slots, or one (1, dimension) to one."""
        ends, rests = _apart(vectors)
        whole, where = rounded(ends), np.atleast_1d(offsets)
        blocks, lanes = np.divmod(where, LANES)
        self._last[blocks, :, lanes], self._before[blocks, :, lanes] = _split(whole)
        self._rests[:, where] = rests.T
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
        ends = self._last, self._before, self._rests
        count = _look(*ends, probes.last, probes.before, probes.rests, allowed, self._slots, lowest, found)
        return found[:count] if count <= MOST else None


def warm_up() -> None:
    """Compile the kernel, or load it from its cache, so that no later call waits for a compiler."""
    Glance(8).at_least(1.0, ProbeEnds.of(np.ones((1, END), np.float32)), np.zeros(1, np.uint8))


def _apart(vectors: Vectors) -> tuple[Vectors, Vectors]:
    """Return the ends (n, END), and the lengths (n, 2) of what is before each part, in steps, rounded up."""
    ends = np.zeros((len(vectors), END), np.float32)
    there = min(END, vectors.shape[1])
    ends[:, END - there :] = vectors[:, -there:]
    rests = np.empty((len(vectors), len(_PARTS)), np.float32)
    for number, part in enumerate(_PARTS):
        rests[:, number] = np.linalg.norm(vectors[:, :-part], axis=1) * (SLACK * STEPS)
    return ends, rests


def _split(ends: Vectors) -> tuple[Vectors, Vectors]:
    return ends[:, END - LAST :], ends[:, : END - LAST]


@kernel
def _allowed_of(allowed: Bitmap, block: int, slots: int) -> int:
    """Return a bit for each slot of a block, the lowest first."""
    which = 0
    for number in range(LANES // 8):
        at = block * LANES // 8 + number
        if at * 8 < slots:
            which |= allowed[at] << (8 * number)
    there = min(LANES, slots - block * LANES)
    return which & ((1 << there) - 1)


@kernel
def _any_near(sums: Vectors, rests: Vectors, block: int, probe_rest: float, lowest: float) -> bool:
    """Whether any slot of a block may reach `lowest` by the sums of its last values."""
    near = False
    for lane in range(LANES):
        near |= bool(np.float64(sums[lane]) + np.float64(rests[block * LANES + lane]) * probe_rest >= lowest)
    return near


@kernel
def _look(
    last: NDArray[np.int8],
    before: NDArray[np.int8],
    rests: Vectors,
    probe_last: Vectors,
    probe_before: Vectors,
    probe_rests: Vectors,
    allowed: Bitmap,
    slots: int,
    lowest: float,
    found: NDArray[np.int64],
) -> int:
    """Write the slots that may reach `lowest` (steps squared) to `found`; return their number, or one that is too many.

    The slots of a block are reckoned without a question in between, for hardly ever is one of them near.
    """
    sums, more = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    count = 0
    for block in range(len(last)):
        which = _allowed_of(allowed, block, slots)
        near = 0
        for probe in range(len(probe_rests) if which else 0):
            _sums_of_last(last, block, probe_last, probe, sums)
            if _any_near(sums, rests[0], block, probe_rests[probe, 0], lowest):
                _sums_before(before, block, probe_before, probe, more)
                for lane in range(LANES):
                    rest = np.float64(rests[1, block * LANES + lane]) * probe_rests[probe, 1]
                    near |= (np.float64(sums[lane]) + more[lane] + rest >= lowest) << lane
        near &= which
        for lane in range(LANES if near else 0):
            if (near >> lane) & 1:
                if count == len(found):
                    return count + 1
                found[count] = block * LANES + lane
                count += 1
    return count
