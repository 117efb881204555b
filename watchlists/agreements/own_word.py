"""The owner's own word about an alert: it comes first, before any rule is asked, and no rule can change it. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from watchlists.agreements.facts import Request
from watchlists.records import VisibilityClass


def as_of(klass: VisibilityClass, now: datetime) -> VisibilityClass:
    """The class as it is at `now`: hidden no longer, if its moment has come."""
    until = klass.conditions.hidden_until
    if until is None or now < until:
        return klass
    return replace(klass, conditions=replace(klass.conditions, hidden_until=None))


class Withheld(StrEnum):
    """Why the owner's own word keeps an alert from a request."""

    EXERCISE = "exercise"
    EXCLUDED = "excluded"
    HIDDEN = "hidden"


def withheld(request: Request, klass: VisibilityClass) -> Withheld | None:
    """Whether the owner's own word keeps the alert from the request, whatever any rule says."""
    conditions = klass.conditions
    if conditions.exercise != request.exercise:
        return Withheld.EXERCISE
    if request.partner in conditions.excluded or request.country in conditions.excluded:
        return Withheld.EXCLUDED
    if conditions.hidden_until is not None and request.partner != klass.owner:
        return Withheld.HIDDEN
    return None
