"""The owner's own word about an alert, and its quarantine: they come first, before any rule is asked, and no rule can
change them. Pure.
"""  # noqa: D205

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


def for_owner(request: Request, klass: VisibilityClass) -> VisibilityClass:
    """The class as it is to the deeds of its owner, outside any search: these a quarantine does not touch."""
    if klass.conditions.quarantine is None or request.partner != klass.owner:
        return klass
    return replace(klass, conditions=replace(klass.conditions, quarantine=None))


class Withheld(StrEnum):
    """Why an alert is kept from a request, whatever any rule says."""

    EXERCISE = "exercise"
    EXCLUDED = "excluded"
    HIDDEN = "hidden"
    QUARANTINED = "quarantined"


def withheld(request: Request, klass: VisibilityClass) -> Withheld | None:
    """Whether its quarantine, or the owner's own word, keeps the alert from the request, whatever any rule says."""
    conditions = klass.conditions
    if conditions.quarantine is not None:
        return Withheld.QUARANTINED
    if conditions.exercise != request.exercise:
        return Withheld.EXERCISE
    if request.partner in conditions.excluded or request.country in conditions.excluded:
        return Withheld.EXCLUDED
    if conditions.hidden_until is not None and request.partner != klass.owner:
        return Withheld.HIDDEN
    return None
