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
from typing import Any, Final, NamedTuple

import cedarpy

from watchlists.agreements.actions import ACTIONS, SEE, SEE_EXTRA, SEEN
from watchlists.agreements.facts import Facts
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.policies import Policy, cedar_schema

logger = logging.getLogger(__name__)

Permits = Mapping[Agreement, tuple[Policy, ...]]
"""The permits that match a question, by the agreement that they are from."""

_POSITION: Final = re.compile(r"`policy(\d+)`")


class Verdict(NamedTuple):
    """The answer to one question.

    Args:
        permits: the permits that match; empty if none does, or if there is a veto.
        forbids: the forbids that match.
        faults: the rules that could not be evaluated.
        vetoed: a forbid matches, or something could not be evaluated.
    """

    permits: Permits
    forbids: Permits = {}  # noqa: RUF012 -- a tuple's default, never written to
    faults: Permits = {}  # noqa: RUF012
    vetoed: bool = False


_SILENCE: Final = Verdict({})


class Panel:
    """Every rule of several agreements that counts for a request, sorted by action. Many threads may ask at once.

    One question to Cedar covers all agreements: a forbid or an error in one of them denies what another permits.

    Args:
        speaking: the agreements that both sides are parties to; all their forbids count.
        applying: those of them whose permits count too,
        purpose: except the permits that are for other purposes alone; None for what has no purpose.
    """

    def __init__(self, speaking: Iterable[Agreement], applying: frozenset[Agreement], purpose: str | None) -> None:
        counting = [
            (agreement, policy)
            for agreement in speaking
            for policy in agreement.policies
            if not policy.permits or (agreement in applying and (policy.purposes is None or purpose in policy.purposes))
        ]
        self._parts = {action: _Part(_for_action(action, counting)) for action in ACTIONS}
        permitted = (level for level, action in SEE.items() if self._parts[action].permits)
        self.highest = max(permitted, default=Level.NONE)
        """The highest level that any permit speaks of: above it there is nothing to ask."""

    def hears(self, action: str) -> bool:
        """Whether there is any rule to put a question to."""
        return bool(self._parts[action].rules)

    def ask(self, action: str, facts: Facts, more: Mapping[str, Any] | None = None) -> Verdict:
        """Put one question. `more` is what the action's context has beside that of the request.

        What is to be seen is asked after the search only: forbids that hold for both alike are heard there.
        """
        part = self._parts[action]
        if not part.rules:
            return _SILENCE
        result = cedarpy.is_authorized(facts.question(action, more), part.handle, facts.entities, cedar_schema())
        reasons = result.diagnostics.reasons
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            return Verdict({}, faults=part.faults(action, result.diagnostics.errors), vetoed=True)
        if result.allowed:
            return Verdict(part.rules_at(reasons))
        return Verdict({}, forbids=part.rules_at(reasons), vetoed=True) if reasons else _SILENCE


def _for_action(action: str, counting: Iterable[tuple[Agreement, Policy]]) -> list[tuple[Agreement, Policy]]:
    """The rules to put a question to; of what is seen, without those that the search has heard already."""
    rules = [(agreement, policy) for agreement, policy in counting if action in policy.actions]
    if action in SEEN:
        rules = [(agreement, policy) for agreement, policy in rules if not policy.heard_at_search]
    if action in SEE_EXTRA and not any(policy.permits for _, policy in rules):
        return []  # nothing that a forbid could take away
    return rules


class _Part:
    """The rules whose head matches one action, in Cedar's form; `policyN` in Cedar's answers is `rules[N]`."""

    def __init__(self, rules: Iterable[tuple[Agreement, Policy]]) -> None:
        self.rules = tuple(rules)
        self.permits = any(policy.permits for _, policy in self.rules)
        self.handle = cedarpy.PolicySet.from_str("\n".join(policy.text for _, policy in self.rules))

    def rules_at(self, reasons: Iterable[str]) -> Permits:
        found: defaultdict[Agreement, tuple[Policy, ...]] = defaultdict(tuple)
        for position in sorted(int(reason.removeprefix("policy")) for reason in reasons):
            agreement, policy = self.rules[position]
            found[agreement] += (policy,)
        return found

    def faults(self, action: str, errors: Iterable[str]) -> Permits:
        """Log which clauses failed, and return them. Cedar's own text is left out: it can quote the request."""
        positions = sorted({int(found) for error in errors for found in _POSITION.findall(error)})
        found = self.rules_at(f"policy{position}" for position in positions)
        clauses = [f"{agreement.name} {policy.id}" for agreement in found for policy in found[agreement]]
        logger.error("rule fault, denied: action %r, clauses: %s", action, ", ".join(clauses) or "the question itself")
        return found
