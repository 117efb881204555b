"""Which agreements decide together on a request about an alert: one panel for each such set, made once."""

from __future__ import annotations

from watchlists.agreements.calendar import Calendar
from watchlists.agreements.facts import Request
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.panel import Panel
from watchlists.records import VisibilityClass


class Panels:
    """The panels of a rule book. Many threads may ask; a lost race makes a panel twice."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._made: dict[tuple[tuple[Agreement, ...], frozenset[Agreement], str | None], Panel] = {}

    def speaking(self, epoch: int, request: Request, klass: VisibilityClass) -> tuple[Agreement, ...]:
        """The agreements in force in an epoch that both sides are parties to, by id."""
        parties = {request.partner, klass.owner}
        return tuple(agreement for agreement in self._calendar.in_force(epoch) if parties <= agreement.parties)

    def purposes(self, epoch: int, request: Request, klass: VisibilityClass) -> frozenset[str]:
        """The purposes for which any permit of theirs speaks of a level."""
        purposes = {purpose for agreement in self.speaking(epoch, request, klass) for purpose in agreement.purposes}
        panels = {purpose: self.of(epoch, request, klass, purpose) for purpose in purposes}
        return frozenset(purpose for purpose, panel in panels.items() if panel.highest is not Level.NONE)

    def of(self, epoch: int, request: Request, klass: VisibilityClass, purpose: str | None) -> Panel:
        """The panel that decides in an epoch; `purpose` is None for what has none."""
        speaking = self.speaking(epoch, request, klass)
        applying = frozenset(agreement for agreement in speaking if agreement.lists(purpose, klass.category))
        panel = self._made.get((speaking, applying, purpose))
        if panel is None:
            panel = self._made[speaking, applying, purpose] = Panel(speaking, applying, purpose)
        return panel

    def forget(self) -> None:
        """Forget what rules have answered. The panels stay: to parse their rules is no part of a decision."""
        for panel in self._made.values():
            panel.forget()
