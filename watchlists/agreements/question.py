"""The one place where Cedar is asked.

Cedar can fail open: a `forbid` that errors is skipped, and the permit beside it stands. Three things prevent this here.
Rules are validated strictly when they are loaded; every question carries the schema; and Cedar is asked of each rule by
itself whether it holds or fails. That a failure comes before every forbid, and a forbid before every permit, is said in
`Panel.ask`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import cedarpy

from watchlists.agreements.actions import CHECKED, Deed
from watchlists.agreements.facts import Answer, Facts
from watchlists.agreements.memo import Memo
from watchlists.agreements.policies import Policy, cedar_schema

_POSITION: Final = re.compile(r"`policy(\d+)`")
_ANY_ACTION: Final = {"op": "All"}

REMEMBERED: Final = CHECKED | {Deed.TAKE_ACTION}
"""What is asked of every candidate. Other deeds are rare."""
MEMO_ANSWERS: Final = 5_000
"""How many answers of its rules a question remembers, less than a kilobyte each."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class _Part(NamedTuple):
    """The rules of a question that read the same attributes, each named by its variable and its own name."""

    rules: frozenset[int]
    attributes: tuple[tuple[str, str], ...]

    def values(self, variables: Mapping[str, Mapping[str, Any]]) -> tuple[Any, ...]:
        """What they read of these variables; None for what is not there, which is nothing that Cedar knows.

        An action is no variable here: a question has one, which has no attributes.
        """
        return tuple([variables.get(variable, _NOTHING).get(name) for variable, name in self.attributes])

    def of(self, answer: Answer) -> Answer:
        """What of an answer is about these rules."""
        return Answer(answer.met & self.rules, answer.failed & self.rules)


class Question:
    """Rules that are put to Cedar together, by their conditions alone: heads and effects are for the panel to weigh.

    What a rule says of an action depends on the attributes that it reads and on nothing else, and many classes share
    these. So its answers are remembered by them, and Cedar is asked only where a rule has not met what it reads before.

    Args:
        policies: the rules by number; answers name them so.
        action: what is asked.
    """

    def __init__(self, policies: Mapping[int, Policy], action: str) -> None:
        conditions = {f"policy{number}": _condition(policy) for number, policy in policies.items()}
        document = {"staticPolicies": conditions, "templates": {}, "templateLinks": []}
        self._handle = cedarpy.PolicySet.from_json_str(json.dumps(document))
        self._action = action
        self._parts = _parts(policies) if action in REMEMBERED else ()
        self._answers = Memo[tuple[_Part, tuple[Any, ...]], Answer](MEMO_ANSWERS)

    def put(self, facts: Facts, more: Mapping[str, Any] | None = None) -> Answer:
        """Ask which of the rules hold. `more` is what the action's context has beside that of the request."""
        if not self._parts or not facts.readable:
            return self._ask(facts, more)
        variables = facts.variables(self._action, more)
        keys = [(part, part.values(variables)) for part in self._parts]
        known = [answer for key in keys if (answer := self._answers.get(key)) is not None]
        if len(known) == len(keys):
            return _joined(known)
        answer = self._ask(facts, more)
        for key in () if answer.unreadable else keys:
            self._answers.keep(key, key[0].of(answer))
        return answer

    def forget(self) -> None:
        """Forget all answers: Cedar gives them once more."""
        self._answers.clear()

    def _ask(self, facts: Facts, more: Mapping[str, Any] | None) -> Answer:
        question = facts.question(self._action, more)
        result = cedarpy.is_authorized(question, self._handle, facts.entities, cedar_schema())
        diagnostics = result.diagnostics
        named = (_POSITION.search(error) for error in diagnostics.errors)
        failed = _numbers(found.group(1) for found in named if found is not None)
        met = _numbers(reason.removeprefix("policy") for reason in diagnostics.reasons)
        unreadable = result.decision is cedarpy.Decision.NoDecision or (bool(diagnostics.errors) and not failed)
        return Answer(met, failed, unreadable)


def _parts(policies: Mapping[int, Policy]) -> tuple[_Part, ...]:
    """The rules by what they read; nothing if one may read everything, so that no answer can be remembered."""
    by_reads: defaultdict[frozenset[tuple[str, str]], set[int]] = defaultdict(set)
    for number, policy in policies.items():
        if policy.reads.whole - {"action"}:
            return ()
        by_reads[policy.reads.attributes].add(number)
    return tuple(_Part(frozenset(numbers), tuple(sorted(read))) for read, numbers in by_reads.items())


def _joined(answers: Sequence[Answer]) -> Answer:
    nothing = frozenset[int]()
    return Answer(
        nothing.union(*[answer.met for answer in answers]), nothing.union(*[answer.failed for answer in answers])
    )


def _condition(policy: Policy) -> dict[str, Any]:
    """A rule as a permit for any action: it is met if the rule's conditions are."""
    return {**policy.tree, "effect": "permit", "action": _ANY_ACTION, "annotations": {}}


def _numbers(texts: Iterable[str]) -> frozenset[int]:
    return frozenset(map(int, texts))
