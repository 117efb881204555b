"""One value for each number of a growing list, packed: a million of them are megabytes, as objects many times that."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_Value = TypeVar("_Value", bound=np.generic)
_AT_FIRST = 1024


class Column(Generic[_Value]):
    """An array (room,) that grows; a number without a value of its own has that of `empty`.

    Args:
        dtype: of the values.
        empty: what stands for none.
    """

    def __init__(self, dtype: type[_Value], empty: float) -> None:
        self.values: NDArray[_Value] = np.full(_AT_FIRST, empty, dtype)
        self._empty = empty

    def reserve(self, size: int) -> None:
        """Make room for all numbers below `size`."""
        if size > len(self.values):
            more = max(len(self.values), size - len(self.values))
            self.values = np.concatenate([self.values, np.full(more, self._empty, self.values.dtype)])

    def clear(self, number: int) -> None:
        """Take the value of a number away."""
        self.values[number] = self._empty
