"""What the rules say of a deed other than to search and see: whether it is allowed, and on what terms. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchlists.agreements.actions import OF_OWN_WITHOUT_PERMIT, WITHOUT_PERMIT, Deed
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.facts import Facts, Request
from watchlists.agreements.ladder import clauses_of
from watchlists.agreements.panel import Panel
from watchlists.agreements.terms import NO_TERMS, Terms
from watchlists.records import VisibilityClass


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a deed is allowed, on what terms, and which clauses said so: those that forbid it if it is not."""

    allowed: bool
    terms: Terms = NO_TERMS
    decided_by: tuple[Clause, ...] = ()


def rule_on(deed: Deed, panel: Panel, request: Request, klass: VisibilityClass, more: Mapping[str, Any]) -> Ruling:
    """Put a deed to the panel; `more` is what its context has beside that of a check.

    What concerns another's data needs a permit, what a partner does with its own is stopped by a forbid only.
    """
    unasked = deed in WITHOUT_PERMIT or (deed in OF_OWN_WITHOUT_PERMIT and request.partner == klass.owner)
    if not panel.hears(deed):
        return Ruling(allowed=unasked)
    try:
        verdict = panel.ask(deed.value, Facts(request, klass), more)
    except ValueError:  # words that cannot be put to Cedar
        return Ruling(allowed=False)
    if verdict.vetoed:
        return Ruling(allowed=False, decided_by=clauses_of({**verdict.forbids, **verdict.faults}))
    duties = (duty for policies in verdict.permits.values() for policy in policies for duty in policy.duties)
    allowed = bool(verdict.permits) or unasked
    return Ruling(allowed, Terms.merge(duties), clauses_of(verdict.permits))
