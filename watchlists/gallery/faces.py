"""Face templates in FAISS: exhaustive, exact, and changed in place."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import finalize

import faiss
import numpy as np
from numpy.typing import NDArray

from watchlists.gallery.choosing import chosen
from watchlists.gallery.column import Column
from watchlists.gallery.glance import Bitmap, Glance, ProbeEnds, warm_up
from watchlists.gallery.sieve import RoundedProbes, Sieve
from watchlists.gallery.vectors import Vectors, fill_with_zeros, longest

NO_SLOT = -1
"""Stands for the slot of a vector that is in none."""
_NO_OWNER = -1
SEGMENT = 16384
"""Slots of one FAISS index. Many small ones: growing never copies what is there, and an unseen one costs nothing."""
_SPARE = 4
"""Bitmaps that are kept for the next selections; of a million slots, 125 KB each."""

# Of classes that faiss extends at run time, in ways that its type stubs do not know.
_SEARCH_PARAMETERS: Any = faiss.SearchParameters
_BITMAP: Any = faiss.IDSelectorBitmap


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class FaceSelection:
    """The slots that a search may look at. Good for as long as it is kept: its memory is then used for another one.

    Args:
        count: of them.
        bitmaps: for each segment a bit a slot, the lowest first.
        parameters: the same for FAISS; None for a segment that has no such slot.
    """

    count: int
    bitmaps: tuple[Bitmap, ...]
    parameters: tuple[Any, ...]


class _Bitmaps:
    """A bit for each slot, (segments, SEGMENT / 8), and what FAISS takes to look at the slots whose bits are set.

    FAISS takes longer to make that than we do to choose the slots, so it is used again.
    """

    def __init__(self, segments: int) -> None:
        self.bits = np.empty((segments, SEGMENT // 8), np.uint8)
        self.parameters = [_SEARCH_PARAMETERS(sel=_BITMAP(bitmap)) for bitmap in self.bits]


@dataclass(frozen=True)
class _Look:
    """What a search looks for: probes (q, dimension), in each form, and the inner product that is alike enough."""

    lowest: float
    probes: Vectors
    ends: ProbeEnds

    @cached_property
    def rounded(self) -> RoundedProbes:
        """Hardly ever wanted: only where glances leave too many."""
        return RoundedProbes.of(self.probes)


class FaceIndex:
    """Vectors in numbered slots, each belonging to an entry number.

    A slot never moves. Removing overwrites it with zeros and frees it, whatever the number of vectors. Not thread-safe:
    the gallery's lock lets in one writer alone, or any number of searches.
    """

    def __init__(self, dimension: int) -> None:
        warm_up()
        self.dimension = dimension
        self._segments: list[faiss.IndexFlatIP] = []
        self._vectors: list[Vectors] = []  # views of the segments' memory, (SEGMENT, dimension) each
        self._glances: list[Glance] = []
        self._sieves: list[Sieve] = []
        self._owners = Column(np.int32, _NO_OWNER)
        self._free: list[int] = []
        self._spare: deque[_Bitmaps] = deque(maxlen=_SPARE)  # what selections used that are gone
        self._longest = 0.0  # no vector in here was ever longer

    def __len__(self) -> int:
        """Number of vectors."""
        return self._slots - len(self._free)

    @property
    def _slots(self) -> int:
        return SEGMENT * len(self._segments)

    def add(self, vectors: Vectors, numbers: NDArray[np.integer] | Sequence[int]) -> list[int]:
        """Put vectors (n, dimension) into slots, each for the entry of its number; return the slots."""
        if not len(vectors):
            return []
        while len(self._free) < len(vectors):
            self._grow()
        slots = self._free[: -len(vectors) - 1 : -1]
        del self._free[-len(vectors) :]
        segments, offsets = np.divmod(slots, SEGMENT)
        for segment in np.unique(segments):
            here = segments == segment
            places, some = offsets[here], vectors[here]
            self._vectors[segment][places] = some
            self._glances[segment].put(places, some)
            self._sieves[segment].put(places, some)
        self._longest = max(self._longest, longest(vectors))
        self._owners.values[slots] = numbers
        return slots

    def remove(self, slot: int) -> None:
        """Overwrite a slot and free it."""
        self._at(slot)[:] = 0
        for coarse in (self._glances[slot // SEGMENT], self._sieves[slot // SEGMENT]):
            coarse.put(slot % SEGMENT, self._at(slot)[None])
        self._owners.clear(slot)
        self._free.append(slot)

    def select(self, visible: NDArray[np.bool_]) -> FaceSelection:
        """Return the slots of the entries whose numbers are True in `visible` (entries,)."""
        allowed, bitmaps = chosen(visible, self._owners.values[: self._slots]), self._unused()
        bitmaps.bits[:] = np.packbits(allowed, bitorder="little").reshape(bitmaps.bits.shape)
        any_set = np.asarray(bitmaps.bits.any(axis=1)).tolist()
        parameters = (each if some else None for each, some in zip(bitmaps.parameters, any_set, strict=True))
        selection = FaceSelection(int(np.count_nonzero(allowed)), tuple(bitmaps.bits), tuple(parameters))
        finalize(selection, self._spare.append, bitmaps).atexit = False
        return selection

    def at_least(self, similarity: float, probes: Vectors, selection: FaceSelection) -> set[int]:
        """Return the numbers of all entries that have a selected face of at least that inner product with a probe.

        Args:
            similarity: threshold; entries that miss it by less than the rounding of float32 may be among the found.
            probes: (q, dimension).
            selection: from `select`, with no change in between.
        """
        if not np.isfinite(similarity):
            return set()  # a score that no similarity reaches
        lowest = similarity - self._rounding(probes)
        faiss.omp_set_num_threads(1)  # of this thread: concurrent searches share the cores instead of fighting for them
        found, look = set[int](), _Look(lowest, probes, ProbeEnds.of(probes))
        for segment, (allowed, parameters) in enumerate(zip(selection.bitmaps, selection.parameters, strict=True)):
            if parameters is not None:
                slots = self._alike(segment, look, allowed, parameters)
                if len(slots):
                    found.update(self._owners.values[segment * SEGMENT + slots].tolist())
        return found

    def _alike(self, segment: int, look: _Look, allowed: Bitmap, parameters: Any) -> NDArray[np.int64]:
        """Return the slots of a segment that are alike; the quicker way is taken while it leaves few of them."""
        near = self._glances[segment].at_least(look.lowest, look.ends, allowed)
        if near is None:
            near = self._sieves[segment].at_least(look.lowest, look.rounded, parameters)
        if near is None:
            _, _, slots = self._segments[segment].range_search(look.probes, look.lowest, params=parameters)
            return np.asarray(slots)
        if not len(near):
            return near
        products = self._vectors[segment][near] @ look.probes.T
        return np.asarray(near[(products >= look.lowest).any(axis=1)])

    def best(self, slots: Sequence[int], probes: Vectors) -> float:
        """Return the largest inner product of a vector in `slots` (at least one) and a probe.

        Correctly rounded to double precision: equal vectors give equal results wherever they lie, on every machine.
        """
        exact = probes.astype(np.float64)  # a product of two float32 numbers is exact in double precision
        return max(math.fsum((self._at(slot) * probe).tolist()) for slot in slots for probe in exact)

    def _rounding(self, probes: Vectors) -> float:
        """Bound of the rounding error of an inner product in float32, twice over.

        The bound is the dimension times the unit roundoff (half of eps) times both lengths (N. Higham, Accuracy and
        Stability of Numerical Algorithms, 2002, section 3.1).
        """
        return self.dimension * float(np.finfo(np.float32).eps) * self._longest * longest(probes)

    def _unused(self) -> _Bitmaps:
        """Return bitmaps that no selection uses, of as many segments as there are. Many threads may ask."""
        with suppress(IndexError):
            while True:
                bitmaps = self._spare.pop()
                if len(bitmaps.bits) == len(self._segments):
                    return bitmaps
        return _Bitmaps(len(self._segments))

    def _at(self, slot: int) -> Vectors:
        segment, offset = divmod(slot, SEGMENT)
        vector: Vectors = self._vectors[segment][offset]
        return vector

    def _grow(self) -> None:
        index = faiss.IndexFlatIP(self.dimension)
        fill_with_zeros(index, SEGMENT)
        size = SEGMENT * self.dimension
        self._vectors.append(faiss.rev_swig_ptr(index.get_xb(), size).reshape(SEGMENT, self.dimension))
        self._segments.append(index)
        self._glances.append(Glance(SEGMENT))
        self._sieves.append(Sieve(self.dimension, SEGMENT))
        self._free.extend(range(self._slots - 1, self._slots - SEGMENT - 1, -1))  # the lowest is used first
        self._owners.reserve(self._slots)
