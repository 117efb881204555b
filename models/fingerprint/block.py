"""One block of memory that holds many templates end to end, in the layout the comparison kernels want."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.sides import WHOLE, Side, Sought, Stored, thread_workspace

BLOCK_MINUTIAE = 65536
"""Minutiae a block of a gallery: enough to keep a kernel busy, few enough to rewrite in a few milliseconds."""


@dataclass(slots=True, eq=False)
class Block:
    """Room for `capacity` minutiae; what is written is never moved inside the block.

    Attributes:
        planes: uint16 (3, capacity): x, y and angle in whole steps of the storage grid: 6 bytes a minutia.
        words: uint64 (7, capacity): the six words of each cylinder and its validity.
        used: minutiae written so far; wiped: how many of them are no longer needed.
    """

    capacity: int = BLOCK_MINUTIAE
    used: int = 0
    wiped: int = 0
    planes: NDArray[np.uint16] = field(init=False)
    words: NDArray[np.uint64] = field(init=False)

    def __post_init__(self) -> None:
        self.planes = np.zeros((3, self.capacity), np.uint16)
        self.words = np.zeros((7, self.capacity), np.uint64)

    @classmethod
    def of(cls, templates: Sequence[FingerTemplate]) -> Self:
        """Return a block that is filled by the templates."""
        block = cls(sum(len(template.minutiae) for template in templates))
        for template in templates:
            block.append(template)
        return block

    @property
    def room(self) -> int:
        return self.capacity - self.used

    @property
    def wasteful(self) -> bool:
        """Whether more than half of the block is no longer needed."""
        return self.wiped > self.capacity // 2

    def append(self, template: FingerTemplate) -> tuple[int, int]:
        """Write a template behind the others; return where it starts and stops."""
        start, stop = self.used, self.used + len(template.minutiae)
        order = by_x(template)
        minutiae = template.minutiae.stored()[order]
        for plane, name in zip(self.planes, ("x", "y", "angle"), strict=True):
            plane[start:stop] = minutiae[name]
        self.words[:6, start:stop] = template.bits[:, order]
        self.words[6, start:stop] = template.validity[order]
        self.used = stop
        return start, stop

    def copy_from(self, other: Block, start: int, stop: int) -> tuple[int, int]:
        """Write what lies at start:stop of another block behind the others; return where it starts and stops here."""
        at = self.used
        self.used += stop - start
        self.planes[:, at : self.used] = other.planes[:, start:stop]
        self.words[:, at : self.used] = other.words[:, start:stop]
        return at, self.used

    def wipe(self, start: int, stop: int) -> None:
        """Overwrite a template that is no longer needed; a comparison that still reads it finds nothing alike."""
        self.words[:, start:stop] = 0
        self.planes[:, start:stop] = 0
        self.wiped += stop - start

    def stored(self) -> Stored:
        """Return views of the whole block for the kernels."""
        return Stored(self.planes, self.words)

    def compare(self, probe: Side, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compare the probe with the templates at starts[k]:stops[k]; return float32 (k,), without holding the GIL."""
        from models.fingerprint import comparison  # numba is loaded when it is first needed, not on import

        similarities = np.zeros(len(starts), np.float32)
        work = thread_workspace()
        comparison.compare_many(probe, self.stored(), starts, stops, work, calibration.COMPARISON, similarities)
        return similarities

    def scan(self, sought: Sought, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int32]:
        """Score the templates at starts[k]:stops[k] without geometry; return int32 (k,), without holding the GIL.

        Args:
            sought: cylinders of the probe.
            starts: (k,), the first minutia of each template.
            stops: (k,), the one behind its last.
        """
        from models.fingerprint import scan  # numba is loaded when it is first needed, not on import

        scores = np.zeros(len(starts), np.int32)
        words = tuple(self.words[:6][sought.sections])
        scan.scan(sought.own, sought.words, words, starts, stops, calibration.SHORTLIST, scores)
        return scores


def side_of(template: FingerTemplate) -> Side:
    """Return one template as the kernels want it, with memory of its own."""
    from models.fingerprint import comparison  # numba is loaded when it is first needed, not on import

    block = Block.of([template])
    return comparison.take(block.stored(), 0, block.used, np.zeros((3, block.used + WHOLE), np.float32))


def by_x(template: FingerTemplate) -> NDArray[np.int64]:
    """Indexes of a template's minutiae in the order in which a block holds them: the kernels look them up by x."""
    return np.argsort(template.minutiae.stored()["x"], kind="stable")
