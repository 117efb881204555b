"""Check the words in rules against the words that the agreement lists.

Cedar's schema cannot enumerate what partners invent: purposes, categories, actions, handling codes, watchlists. So
`agreement.toml` lists those that its rules use, and a rule that compares one of these attributes with any other word is
refused. Without this, a misspelt word in a `forbid` would let through what it was written to stop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from watchlists.agreements.actions import CHECKED, SEEN

ROLES: Final = frozenset({"terminal", "sync", "reviewer", "auditor", "operator"})
"""The roles that a requester can have."""

CONTEXT: Final = frozenset({"purpose", "checkpoint", "case_reference", "score", "authorised", "emergency", "exercise"})

_COMPARISONS: Final = ("==", "!=", "contains", "containsAll", "containsAny")


class UnsoundRuleError(ValueError):
    """A rule that would not do what it seems to say; `hint` is what to do about it."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


class Words(NamedTuple):
    """The words that an attribute may be compared with.

    Args:
        words: all of them.
        key: of agreement.toml, where they are listed; empty if the schema has them.
    """

    words: Collection[str]
    key: str = ""

    def refusal(self, what: str, word: str) -> UnsoundRuleError:
        """What to say of `what`, which names a word that is not among these."""
        listed = ", ".join(sorted(self.words)) or "nothing"
        if not self.key:
            return UnsoundRuleError(f"{what} {word!r}, which is none of its words", f"Its words are: {listed}.")
        hint = f"Mend the word in the rule, or add it to `{self.key}` in agreement.toml, which lists {listed}."
        return UnsoundRuleError(f"{what} {word!r}, which agreement.toml does not list", hint)


def check_words(tree: Mapping[str, Any], known: Mapping[str, Words]) -> None:
    """Check each comparison in a policy, given as Cedar's JSON policy format.

    `known` holds the words for each closed attribute, such as "context.purpose".

    Raises:
        UnsoundRuleError: a comparison with a word that is not listed, or one that hides its words.
    """
    _check_head(tree)
    operators = list(_operators(tree["conditions"]))
    # First of all: the attributes of a record may be named as operators are.
    if any(operator == "Record" for operator, _ in operators):
        raise UnsoundRuleError("records have no use in a rule", "Compare attributes one by one.")
    for operator, operand in operators:
        if operator == "like":
            for attribute in _attributes(operand["left"], known):
                raise UnsoundRuleError(f"{attribute} may not be compared by pattern", "Name the words.")
        if operator in _COMPARISONS:
            _check_comparison(operand["left"], operand["right"], known)
            _check_comparison(operand["right"], operand["left"], known)
        if operator == "__entity" and operand["type"] != "Action":
            raise UnsoundRuleError(
                f"no {operand['type']} can be named", "Compare its attributes, such as principal.partner."
            )


class Reads(NamedTuple):
    """What the conditions of a policy read.

    Args:
        attributes: such as ("resource", "owner").
        whole: variables that are used otherwise than by an attribute, so that they may depend on all of it.
    """

    attributes: frozenset[tuple[str, str]]
    whole: frozenset[str]


def reads(tree: Mapping[str, Any]) -> Reads:
    """What the conditions read: they say the same of two questions that differ in nothing of this."""
    found: set[tuple[str, str]] = set()
    uses: Counter[str] = Counter()
    for operator, operand in _operators(tree["conditions"]):
        if operator == "Var" and isinstance(operand, str):  # else it is the name of a record's attribute
            uses[operand] += 1
        if operator in (".", "has") and "Var" in operand.get("left", ()):
            uses[operand["left"]["Var"]] -= 1
            found.add((operand["left"]["Var"], operand["attr"]))
    return Reads(frozenset(found), frozenset(variable for variable, count in uses.items() if count))


def context_reads(tree: Mapping[str, Any]) -> frozenset[str]:
    """The attributes of the context that a policy reads: requests that differ only in others get the same answer."""
    attributes, whole = reads(tree)
    if "context" in whole:
        return CONTEXT
    return frozenset(attribute for variable, attribute in attributes if variable == "context")


def asked_alike(tree: Mapping[str, Any]) -> frozenset[str]:
    """The actions of a check for which the conditions of a policy say the same, whichever of them is asked.

    Their contexts differ in the score, which the search does not have.
    """
    if "action" in reads(tree).whole:
        return frozenset()
    return frozenset(SEEN if "score" in context_reads(tree) else CHECKED)


def purposes_asked(tree: Mapping[str, Any]) -> frozenset[str] | None:
    """The purposes outside which a policy can never match; None if its conditions do not name any as such."""
    return words_asked(tree, "context.purpose")


def words_asked(tree: Mapping[str, Any], attribute: str) -> frozenset[str] | None:
    """The words of an attribute outside which a policy can never match; None if its conditions do not name any as such.

    Reads what joins the conditions by `&&`: `context.purpose == "a"` and `["a", "b"].contains(context.purpose)`.
    """
    variable, _, name = attribute.partition(".")
    expression = {".": {"left": {"Var": variable}, "attr": name}}
    asked: frozenset[str] | None = None
    for part in _conjuncts(tree["conditions"]):
        words = _equal_words(part, expression)
        if words is not None:
            asked = words if asked is None else asked & words
    return asked


def decimals(tree: Mapping[str, Any]) -> frozenset[str]:
    """The decimal numbers that a policy compares with, such as "4.0"."""
    found = (operand for operator, operand in _operators(tree["conditions"]) if operator == "decimal")
    return frozenset(part["Value"] for operand in found for part in operand if "Value" in part)


def _conjuncts(conditions: Any) -> Iterator[Mapping[str, Any]]:
    stack = [condition["body"] for condition in conditions if condition["kind"] == "when"]
    while stack:
        part = stack.pop()
        if "&&" in part:
            stack += [part["&&"]["left"], part["&&"]["right"]]
        else:
            yield part


def _equal_words(part: Mapping[str, Any], expression: Mapping[str, Any]) -> frozenset[str] | None:
    """The words of a comparison with the expression that only they can meet; None for any other part."""
    for operator in ("==", "contains"):
        sides = list(part[operator].values()) if operator in part else []
        if expression in sides:
            (other,) = (side for side in sides if side != expression) if sides.count(expression) == 1 else ({},)
            values = other.get("Set", [other])
            if values and all(isinstance(value.get("Value"), str) for value in values):
                return frozenset(value["Value"] for value in values)
    return None


def _check_head(tree: Mapping[str, Any]) -> None:
    for variable in ("principal", "resource"):
        scope = tree[variable]
        if scope["op"] not in ("All", "is") or "in" in scope:
            raise UnsoundRuleError(f"the head may not name a {variable}", "Compare its attributes in `when`.")


def _check_comparison(one: Any, other: Any, known: Mapping[str, Words]) -> None:
    for attribute in _attributes(one, known):
        for word in _words(other):
            if word not in known[attribute].words:
                raise known[attribute].refusal(f"{attribute} is compared with", word)


def _attributes(node: Any, known: Mapping[str, Words]) -> Iterator[str]:
    for operator, operand in _operators(node):
        if operator == "." and "Var" in operand["left"]:
            name = f"{operand['left']['Var']}.{operand['attr']}"
            if name in known:
                yield name


def _words(node: Any) -> Iterator[str]:
    return (operand for operator, operand in _operators(node) if operator == "Value" and isinstance(operand, str))


def _operators(node: Any) -> Iterator[tuple[str, Any]]:
    """Every (operator, operand) pair at any depth; by an own stack, as rules may nest deeper than Python recurses."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Mapping):
            yield from part.items()
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)
