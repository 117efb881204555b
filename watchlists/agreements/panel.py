"""The agreements that decide together, and the one place where Cedar is asked.

Cedar can fail open: a `forbid` that errors is skipped, and the permit beside it stands. Three things prevent this here.
Rules are validated strictly when they are loaded; every question carries the schema; and any error that Cedar reports
is a veto.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import cedarpy

from watchlists.agreements.facts import Facts
from watchlists.agreements.load import Agreement
from watchlists.agreements.policies import ACTIONS, Policy, cedar_schema

logger = logging.getLogger(__name__)

Permits = Mapping[Agreement, tuple[Policy, ...]]
"""The permits that match a question, by the agreement that they are from."""

_POSITION: Final = re.compile(r"`policy(\d+)`")


class Panel:
    """Every rule of several agreements that counts for a request, sorted by action. Many threads may ask at once.

    One question to Cedar covers all agreements: a forbid or an error in one of them denies what another permits.

    Args:
        speaking: the agreements that both sides are parties to; all their forbids count.
        applying: those of them whose permits count too,
        purpose: except the permits that are for other purposes alone.
    """

    def __init__(self, speaking: Iterable[Agreement], applying: frozenset[Agreement], purpose: str) -> None:
        counting = [
            (agreement, policy)
            for agreement in speaking
            for policy in agreement.policies
            if not policy.permits or (agreement in applying and (policy.purposes is None or purpose in policy.purposes))
        ]
        self._parts = {action: _Part(pair for pair in counting if action in pair[1].actions) for action in ACTIONS}

    def ask(self, action: str, facts: Facts) -> Permits | None:
        """The permits that match; empty if none does; None if a forbid matches or Cedar reports an error."""
        part = self._parts[action]
        if not part.rules:
            return {}
        result = cedarpy.is_authorized(facts.question(action), part.handle, facts.entities, cedar_schema())
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            part.log_fault(action, result.diagnostics.errors)
            return None
        if not result.allowed:
            return None if result.diagnostics.reasons else {}
        return part.permits(result.diagnostics.reasons)


class _Part:
    """The rules whose head matches one action, in Cedar's form; `policyN` in Cedar's answers is `rules[N]`."""

    def __init__(self, rules: Iterable[tuple[Agreement, Policy]]) -> None:
        self.rules = tuple(rules)
        self.handle = cedarpy.PolicySet.from_str("\n".join(policy.text for _, policy in self.rules))

    def permits(self, reasons: Iterable[str]) -> Permits:
        matched: defaultdict[Agreement, tuple[Policy, ...]] = defaultdict(tuple)
        for position in sorted(int(reason.removeprefix("policy")) for reason in reasons):
            agreement, policy = self.rules[position]
            matched[agreement] += (policy,)
        return matched

    def log_fault(self, action: str, errors: Iterable[str]) -> None:
        """Log which clauses failed. Cedar's own text is left out: it can quote values of the request."""
        positions = sorted({int(found) for error in errors for found in _POSITION.findall(error)})
        clauses = [f"{self.rules[position][0].name} {self.rules[position][1].id}" for position in positions]
        logger.error("rule fault, denied: action %r, clauses: %s", action, ", ".join(clauses) or "the question itself")
