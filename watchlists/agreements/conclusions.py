"""What follows from the rules that hold: worked out once for all classes of which the same rules hold."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from watchlists.agreements.disclosure import Disclosure
from watchlists.agreements.facts import Facts, Request
from watchlists.agreements.ladder import climb, conclude, with_action
from watchlists.agreements.levels import Level
from watchlists.agreements.memo import MEMO_CONCLUSIONS, Memo
from watchlists.agreements.panel import Panel
from watchlists.agreements.standing import counts, given
from watchlists.records import VisibilityClass


class _Holding(NamedTuple):
    """All that a conclusion depends on: the rules that hold, what was given beforehand, and what stays of the class."""

    panel: Panel
    rules: frozenset[int]
    given: tuple[frozenset[str], frozenset[str], bool]
    handling: tuple[str, ...]
    category: str


class Conclusions:
    """The conclusions of a rule book. Many threads may ask; a lost race draws one twice."""

    def __init__(self) -> None:
        self._allowed = Memo[_Holding, bool](MEMO_CONCLUSIONS)
        self._drawn = Memo[_Holding, Disclosure](MEMO_CONCLUSIONS)

    def allows(self, panel: Panel, facts: Facts, request: Request, klass: VisibilityClass) -> bool:
        """Whether anything may be seen of a class, be it later."""
        holding = _holding(panel, facts, request, klass)
        found = None if holding is None else self._allowed.get(holding)
        if found is None:
            rungs = climb(panel, facts, partial(counts, request, klass.owner))
            found = any(rung.permits for rung in rungs if rung.level is not Level.NONE)
            if holding is not None:
                self._allowed.keep(holding, found)
        return found

    def draw(self, panel: Panel, facts: Facts, request: Request, klass: VisibilityClass) -> Disclosure:
        """What may be seen of a class."""
        holding = _holding(panel, facts, request, klass)
        found = None if holding is None else self._drawn.get(holding)
        if found is None:
            found = conclude(tuple(climb(panel, facts, partial(counts, request, klass.owner))), panel, facts, klass)
            if holding is not None:
                self._drawn.keep(holding, found)
        return with_action(found, panel, facts, klass)

    def forget(self) -> None:
        """Forget them all."""
        self._allowed.clear()
        self._drawn.clear()


def _holding(panel: Panel, facts: Facts, request: Request, klass: VisibilityClass) -> _Holding | None:
    """What a conclusion depends on; None if that is not known before it is drawn."""
    met = panel.met(facts)
    return None if met is None else _Holding(panel, met, given(request, klass.owner), klass.handling, klass.category)
