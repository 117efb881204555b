"""Choosing among very many: a compiled loop that reads a compact column once, three times as fast as an index array.

numpy takes indices of eight bytes alone; a column of four is half as much to read, and any other is copied first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.compiler import kernel


def chosen(allowed: NDArray[np.bool_], owners: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return for each place, (places,), whether its owner is allowed.

    Args:
        allowed: (n,) by owner.
        owners: (places,); what is no number below n, such as -1 of a free place, is not allowed.
    """
    places = np.empty(len(owners), np.bool_)
    _choose(allowed, owners, places)
    return places


def warm_up() -> None:
    """Compile the loop, or load it from its cache, so that no search waits for a compiler."""
    chosen(np.ones(1, np.bool_), np.zeros(1, np.int32))


@kernel
def _choose(allowed: NDArray[np.bool_], owners: NDArray[np.int32], places: NDArray[np.bool_]) -> None:
    size = np.uint32(allowed.size)
    for place in range(places.size):
        owner = np.uint32(owners[place])  # a negative one becomes a large one: one comparison refuses both
        places[place] = owner < size and allowed[owner]
