"""What a gallery needs of many entries, by column: without objects for each, for a large gallery waits for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchlists.records import VisibilityClass
from watchlists.store.results import StoredTemplates

BROKEN = -1
"""Stands for the size of what does not open."""


class TemplateColumns(NamedTuple):
    """Entries, none of which is twice among them.

    Args:
        klasses: the classes of these entries; each has one at least.
        class_of: (n,), which of them is that of each entry.
        entries: what its owner calls each, within the watchlist of its class.
        expiries: (n,), POSIX seconds, infinite if it does not expire.
        sequences: (n,), of the changes that wrote the entries.
        sizes: (n,), bytes of the packed templates of each, `BROKEN` if its seal is broken.
        packed: the templates of all, from `watchlists.templates.pack_templates`, end to end.
    """

    klasses: Sequence[VisibilityClass]
    class_of: NDArray[np.intp]
    entries: Sequence[str]
    expiries: NDArray[np.float64]
    sequences: NDArray[np.int64]
    sizes: NDArray[np.int64]
    packed: bytes

    @classmethod
    def of(cls, stored: Sequence[StoredTemplates]) -> TemplateColumns:
        """Return entries by column."""
        place = {klass: which for which, klass in enumerate(dict.fromkeys(each.klass for each in stored))}
        return template_columns(
            klasses=list(place),
            class_of=[place[each.klass] for each in stored],
            entries=[each.key.entry for each in stored],
            expiries=[each.expires_at for each in stored],
            sequences=[each.sequence for each in stored],
            packed=[each.packed for each in stored],
        )

    def packed_of(self, rows: NDArray[np.intp]) -> list[bytes | None]:
        """Return the packed templates of some entries, in the order of `rows`; None where the seal is broken."""
        ends = np.cumsum(np.maximum(self.sizes, 0))[rows]
        sizes = self.sizes[rows]
        return [
            None if size == BROKEN else self.packed[end - size : end]
            for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)
        ]


def template_columns(
    klasses: Sequence[VisibilityClass],
    class_of: Sequence[int],
    entries: Sequence[str],
    expiries: Sequence[datetime | None],
    sequences: Sequence[int],
    packed: Sequence[bytes | None],
) -> TemplateColumns:
    """Return what is given for each entry as `TemplateColumns`; `packed` is None where the seal is broken."""
    return TemplateColumns(
        klasses=klasses,
        class_of=np.array(class_of, np.intp),
        entries=entries,
        expiries=np.array([math.inf if moment is None else moment.timestamp() for moment in expiries], np.float64),
        sequences=np.array(sequences, np.int64),
        sizes=np.array([BROKEN if each is None else len(each) for each in packed], np.int64),
        packed=b"".join(filter(None, packed)),
    )
