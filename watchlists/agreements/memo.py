"""What was worked out once, kept for the next time."""

from __future__ import annotations

from typing import Final, TypeVar

MEMO_CLASSES: Final = 200_000
MEMO_SETS: Final = 512
MEMO_CONCLUSIONS: Final = 5_000
"""How much is remembered of what was decided: in memos of single classes, of whole sets, and of what follows from the
rules that hold."""

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """A dictionary that is emptied when it is full, so that requests cannot fill the memory with keys of their own.

    Many threads may use it: a lost race costs working something out twice.

    Args:
        limit: entries after which it is emptied.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def keep(self, key: K, value: V) -> V:
        """Keep a value, and return it."""
        if len(self) >= self._limit:
            self.clear()
        self[key] = value
        return value
