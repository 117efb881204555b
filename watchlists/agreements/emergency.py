"""What an emergency opens: its owner is told at once and somebody reviews it, always.

An emergency opens what a permit shows only while it lasts, and what a forbid lets go meanwhile. The first must carry
both obligations; the second cannot carry any, so it is refused. What an emergency closes needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from watchlists.agreements.actions import CHECKED
from watchlists.agreements.duties import Obligation
from watchlists.agreements.policies import Policy
from watchlists.agreements.vocabulary import UnsoundRuleError

_EMERGENCY: Final = {".": {"left": {"Var": "context"}, "attr": "emergency"}}
_OF_ONE_SENSE: Final = frozenset({"&&", "||", "left", "right", "arg", "if-then-else", "then", "else"})
_EITHER: Final = frozenset({True, False})
_OWED: Final = (Obligation.NOTIFY_OWNER, Obligation.ALWAYS_REVIEW)


def check_emergency(policy: Policy) -> None:
    """Refuse a rule of checks by which an emergency opens something without both obligations.

    Raises:
        UnsoundRuleError: such a permit, or a forbid that gives way to an emergency.
    """
    if not policy.actions & CHECKED:
        return
    senses = frozenset(_senses(policy.tree["conditions"]))
    if not policy.permits and False in senses:
        hint = "Let a permit with notify-owner and always-review open it instead: an emergency must not go unseen."
        raise UnsoundRuleError("a forbid may not give way to an emergency", hint)
    missing = [word for word in _OWED if word not in {duty.obligation for duty in policy.duties}]
    if policy.permits and True in senses and missing:
        hint = "Its owner is told at once of what an emergency opens, and it is always reviewed: add these obligations."
        raise UnsoundRuleError(f"a permit for emergencies without {' and '.join(missing)}", hint)


def _senses(conditions: Any) -> Iterator[bool]:
    """In which senses the conditions read `context.emergency`: True if it can help them to hold, False to fail.

    By an own stack, as rules may nest deeper than Python recurses.
    """
    stack: list[tuple[Any, frozenset[bool]]] = [
        (condition["body"], frozenset({condition["kind"] == "when"})) for condition in conditions
    ]
    while stack:
        part, senses = stack.pop()
        if part == _EMERGENCY:
            yield from senses
        elif isinstance(part, Mapping):
            stack += ((operand, _within(name, senses)) for name, operand in part.items())
        elif isinstance(part, list):
            stack += ((operand, senses) for operand in part)


def _within(name: str, senses: frozenset[bool]) -> frozenset[bool]:
    """The senses of what stands inside an operator, or a side of it, by its name in Cedar's JSON policy format."""
    if name == "!":
        return frozenset(not sense for sense in senses)
    return senses if name in _OF_ONE_SENSE else _EITHER
