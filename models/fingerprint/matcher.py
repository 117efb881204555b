"""The exact comparison of two finger templates, and of one with a gallery of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.fingerprint import compiler
from models.fingerprint.block import BLOCK_MINUTIAE, Block, side_of
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.explanation import explain
from models.fingerprint.minutiae import Minutiae
from models.fingerprint.shortlist import Runs, Shortlist, Spread, block_parts, do_all
from models.fingerprint.vector import LENGTH
from models.samples import Position

_NO_BLOCK = -1
_ROWS_A_PART = 1000
"""Most rows that one thread takes at a time."""


def warm_up(cache_folder: Path | None = None) -> None:
    """Compile every kernel, or load it from its cache, so that no later call waits for a compiler.

    Args:
        cache_folder: where machine code is kept, if not where `compiler.cache_folder` says. It counts only before the
            first use of a kernel in this process.
    """
    if cache_folder is not None:
        compiler.use_cache_folder(cache_folder)
    points = np.arange(8, dtype=np.float32)
    xy = np.stack([100 + 20 * points, 100 + 30 * (points % 3)], axis=1)
    codes = np.zeros(8, np.uint8)
    template = build_template(Minutiae(xy, points, codes, codes), Position.UNKNOWN)
    compare(template, template)
    pack = FingerprintPack()
    pack.add(template)
    pack.compare_all(template, np.ones(1, np.bool_), exhaustive_up_to=0)
    explain(template, template)


def compare(probe: FingerTemplate, reference: FingerTemplate) -> float:
    """Return the raw similarity of two templates, 0..1; 0 if their known positions differ."""
    if not _comparable(probe.position, reference.position):
        return 0.0
    block = Block.of([reference])
    return float(block.compare(side_of(probe), np.zeros(1, np.int64), np.array([block.used], np.int64))[0])


def _comparable(a: Position, b: Position) -> bool:
    return a is b or Position.UNKNOWN in (a, b)


class FingerprintPack:
    """Templates of a gallery packed for comparison: rows that are added, compared and removed at any time.

    Thread safety: all methods may be called from any thread. One lock guards the rows; `compare_all` holds it only to
    note where the allowed rows lie, and again at the end. Between the two it reads minutiae without a lock: those of a
    row never move inside a block, a rewritten block is a new one, and the room of a removed row is never used again.
    A row that was removed meanwhile scores 0, even if its number has been given to another template by then.

    Args:
        threads: how many compare and scan, for all searches together; one, the default, is the caller's own.
        block_minutiae: minutiae a block.
    """

    def __init__(self, *, threads: int = 1, block_minutiae: int = BLOCK_MINUTIAE) -> None:
        self._lock = threading.Lock()
        self._spread: Spread = ThreadPoolExecutor(threads, "fingerprints").map if threads > 1 else map
        self._block_minutiae = block_minutiae
        self._blocks = [Block(block_minutiae)]
        self._open = 0
        self._free: list[int] = []
        self._rows = 0
        self._block = np.full(1024, _NO_BLOCK, np.int32)
        self._start = np.zeros(1024, np.int64)
        self._stop = np.zeros(1024, np.int64)
        self._position = np.zeros(1024, np.uint8)
        self._edition = np.zeros(1024, np.int64)
        self._vector = np.zeros((1024, LENGTH), np.int8)

    def __len__(self) -> int:
        """Number of rows, free ones included: the length that `allowed` should have."""
        return self._rows

    @property
    def memory_bytes(self) -> int:
        """Memory of all blocks and rows, room that is not yet used included."""
        with self._lock:
            columns = (self._block, self._start, self._stop, self._position, self._edition, self._vector)
            held = [array for block in self._blocks for array in (block.planes, block.words)]
            return sum(array.nbytes for array in (*columns, *held))

    def add(self, template: FingerTemplate) -> int:
        """Add a template; return its row. The next `compare_all` compares it."""
        vector = template.with_vector().vector
        with self._lock:
            row = self._free.pop() if self._free else self._new_row()
            self._place(row, template)
            self._position[row] = template.position.code
            self._vector[row] = vector
            self._edition[row] += 1
            return row

    def remove(self, row: int) -> None:
        """Remove a template and overwrite it; its row may be given out again.

        Raises:
            KeyError: there is no template in that row.
        """
        with self._lock:
            if not 0 <= row < self._rows or self._block[row] == _NO_BLOCK:
                raise KeyError(row)
            number = int(self._block[row])
            self._blocks[number].wipe(int(self._start[row]), int(self._stop[row]))
            self._vector[row] = 0
            self._block[row] = _NO_BLOCK
            self._edition[row] += 1
            self._free.append(row)
            if self._blocks[number].wasteful:
                self._rewrite(number)

    def compare_all(
        self, probe: FingerTemplate, allowed: NDArray[np.bool_], *, exhaustive_up_to: int | None = None
    ) -> NDArray[np.float32]:
        """Compare the probe with the allowed rows.

        Args:
            probe: one template.
            allowed: (rows,); rows beyond its end are not allowed.
            exhaustive_up_to: if more rows than this are to be compared, only the `calibration.SHORTLIST.kept` of them
                that look most like the probe are, and the others score 0. A mate among those is lost, which happens to
                weak mates (`docs/evaluation.md` has figures). None compares all, however many.

        Returns:
            float32, as long as `allowed`: what `compare` gives, 0 where not allowed, removed, or of another finger.
        """
        similarities = np.zeros(len(allowed), np.float32)
        edition, runs = self._snapshot(probe.position, allowed)
        if exhaustive_up_to is not None and len(runs) > exhaustive_up_to:
            chosen = Shortlist.of(probe).choose(runs, calibration.SHORTLIST.kept, self._spread)
            edition, runs = edition[chosen], runs.take(chosen)
        found = self._compare(probe, runs)
        with self._lock:
            similarities[runs.rows] = np.where(self._edition[runs.rows] == edition, found, 0)
        return similarities

    def shortlist(self, probe: FingerTemplate, allowed: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
        """Return the `count` allowed rows that look most like the probe, or all if there are no more; in no order."""
        edition, runs = self._snapshot(probe.position, allowed)
        chosen = Shortlist.of(probe).choose(runs, count, self._spread)
        with self._lock:
            rows = runs.rows[chosen]
            return np.asarray(rows[self._edition[rows] == edition[chosen]])

    def _snapshot(self, position: Position, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Runs]:
        """Allowed rows of that finger, sorted by block: their editions, and where they lie."""
        with self._lock:
            rows = self._comparable_rows(position, allowed)
            places = self._block[rows], self._start[rows], self._stop[rows]
            return self._edition[rows], Runs(rows, self._vector, list(self._blocks), *places)

    def _compare(self, probe: FingerTemplate, runs: Runs) -> NDArray[np.float32]:
        found, side = np.zeros(len(runs), np.float32), side_of(probe)

        def compare_part(part: slice) -> None:
            block = runs.blocks[runs.numbers[part.start]]
            found[part] = block.compare(side, runs.starts[part], runs.stops[part])

        do_all(self._spread, compare_part, block_parts(runs.numbers, _ROWS_A_PART))
        return found

    def _comparable_rows(self, position: Position, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Allowed rows of that finger, sorted by block."""
        length = min(len(allowed), self._rows)
        chosen = allowed[:length] & (self._block[:length] != _NO_BLOCK)
        if position is not Position.UNKNOWN:
            codes = self._position[:length]
            chosen &= (codes == position.code) | (codes == Position.UNKNOWN.code)
        rows = np.flatnonzero(chosen)
        return rows[np.argsort(self._block[rows], kind="stable")]

    def _new_row(self) -> int:
        if self._rows == len(self._block):
            for name in ("_block", "_start", "_stop", "_position", "_edition", "_vector"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column[: max(1024, len(column) // 8)])]))
        self._rows += 1
        return self._rows - 1

    def _place(self, row: int, template: FingerTemplate) -> None:
        if self._blocks[self._open].room < len(template.minutiae):
            roomy = (k for k, block in enumerate(self._blocks) if block.room > block.capacity // 3)
            self._open = next(roomy, len(self._blocks))
            if self._open == len(self._blocks):
                self._blocks.append(Block(self._block_minutiae))
        self._block[row] = self._open
        self._start[row], self._stop[row] = self._blocks[self._open].append(template)

    def _rewrite(self, number: int) -> None:
        """Replace a block by one without the room of removed rows."""
        fresh = Block(self._block_minutiae)
        for row in np.flatnonzero(self._block[: self._rows] == number):
            start, stop = int(self._start[row]), int(self._stop[row])
            self._start[row], self._stop[row] = fresh.copy_from(self._blocks[number], start, stop)
        self._blocks[number] = fresh
