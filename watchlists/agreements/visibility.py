"""Which classes a request may be compared with: asked of the rules once for each class, and remembered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime

from watchlists.agreements.facts import Request
from watchlists.agreements.memo import MEMO_CLASSES, MEMO_SETS, Memo
from watchlists.agreements.own_word import as_of
from watchlists.records import VisibilityClass

Classes = frozenset[VisibilityClass]
Decides = Callable[[int, Request, VisibilityClass], bool]
"""Whether a request may be compared with a class, as it is in an epoch of the calendar."""


class Visibility:
    """The visible classes of a rule book. Many threads may ask; fastest with one and the same frozenset."""

    def __init__(self) -> None:
        self._classes = Memo[tuple[int, Request, VisibilityClass], bool](MEMO_CLASSES)
        self._sets = Memo[tuple[int, Request, Classes, int], Classes](MEMO_SETS)
        self._reveals = Memo[Classes, list[datetime]](MEMO_SETS)

    def among(self, asked: Classes, epoch: int, request: Request, now: datetime, decides: Decides) -> Classes:
        """Those of `asked` that the request may be compared with at `now`, which lies in that epoch."""
        key = (epoch, request, asked, self._revealed(asked, now))
        found = self._sets.get(key)
        if found is None:
            seen = (klass for klass in asked if self._is_visible(epoch, request, as_of(klass, now), decides))
            found = self._sets.keep(key, frozenset(seen))
        return found

    def forget(self) -> None:
        """Forget all decisions."""
        for memo in (self._classes, self._sets, self._reveals):
            memo.clear()

    def _is_visible(self, epoch: int, request: Request, klass: VisibilityClass, decides: Decides) -> bool:
        key = (epoch, request, klass)
        found = self._classes.get(key)
        return self._classes.keep(key, decides(*key)) if found is None else found

    def _revealed(self, asked: Classes, now: datetime) -> int:
        """How many of the moments at which a class of `asked` ceases to be hidden have passed."""
        moments = self._reveals.get(asked)
        if moments is None:
            hidden = (klass.conditions.hidden_until for klass in asked)
            moments = self._reveals.keep(asked, sorted(until for until in hidden if until))
        return bisect_right(moments, now)
