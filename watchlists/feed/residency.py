"""Whether an entry may leave home for a partner's node, and for how long. Publisher and receiver both ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from watchlists.agreements.decide import RuleBook
from watchlists.agreements.facts import Request
from watchlists.agreements.own_word import as_of, withheld
from watchlists.agreements.retention import copy_expiry
from watchlists.records import Partner, VisibilityClass

_ROLE: Final = "sync"


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether copies of a class may go; `life` is how long each may live, None for as long as the entry."""

    allowed: bool
    life: timedelta | None = None


def node_of(partner: Partner) -> Request:
    """Return the node of a partner as it asks rules whether it may have a copy."""
    return Request(partner.id, _ROLE, "", None, "", partner.country)


def leave(rules: RuleBook, receiver: Request, klass: VisibilityClass, now: datetime) -> Leave:
    """Whether copies of a class may go to a receiver.

    The owner's own word comes first, as before a search: whom an entry excludes, and from whom it is still hidden. What
    is for exercises may go, for it stays what it is.
    """
    asked = replace(receiver, exercise=klass.conditions.exercise)
    if withheld(asked, as_of(klass, now)) is not None:
        return Leave(allowed=False)
    until = copy_expiry(rules, receiver, klass, now)
    if until is None:
        return Leave(allowed=True)
    return Leave(allowed=until > now, life=until - now)


def leave_at(rules: RuleBook, receiver: Request, now: datetime) -> Callable[[VisibilityClass], Leave]:
    """Return `leave` for one receiver and moment, asked once for each class: a page has many entries of few classes."""
    return cache(lambda klass: leave(rules, receiver, klass, now))
