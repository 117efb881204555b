"""The one place where Cedar is asked.

Cedar can fail open: a `forbid` that errors is skipped, and the permit beside it stands. Three things prevent this here.
Rules are validated strictly when they are loaded; every question carries the schema; and Cedar is asked of each rule by
itself whether it holds or fails. That a failure comes before every forbid, and a forbid before every permit, is said in
`Panel.ask`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import cedarpy

from watchlists.agreements.facts import Answer, Facts
from watchlists.agreements.policies import Policy, cedar_schema

_POSITION: Final = re.compile(r"`policy(\d+)`")
_ANY_ACTION: Final = {"op": "All"}


class Question:
    """Rules that are put to Cedar together, by their conditions alone: heads and effects are for the panel to weigh.

    Args:
        policies: the rules by number; answers name them so.
    """

    def __init__(self, policies: Mapping[int, Policy]) -> None:
        conditions = {f"policy{number}": _condition(policy) for number, policy in policies.items()}
        document = {"staticPolicies": conditions, "templates": {}, "templateLinks": []}
        self._handle = cedarpy.PolicySet.from_json_str(json.dumps(document))

    def put(self, action: str, facts: Facts, more: Mapping[str, Any] | None = None) -> Answer:
        """Ask which of the rules hold. `more` is what the action's context has beside that of the request."""
        result = cedarpy.is_authorized(facts.question(action, more), self._handle, facts.entities, cedar_schema())
        diagnostics = result.diagnostics
        named = (_POSITION.search(error) for error in diagnostics.errors)
        failed = _numbers(found.group(1) for found in named if found is not None)
        met = _numbers(reason.removeprefix("policy") for reason in diagnostics.reasons)
        unreadable = result.decision is cedarpy.Decision.NoDecision or (bool(diagnostics.errors) and not failed)
        return Answer(met, failed, unreadable)


def _condition(policy: Policy) -> dict[str, Any]:
    """A rule as a permit for any action: it is met if the rule's conditions are."""
    return {**policy.tree, "effect": "permit", "action": _ANY_ACTION, "annotations": {}}


def _numbers(texts: Iterable[str]) -> frozenset[int]:
    return frozenset(map(int, texts))
