"""Read `rules.cedar`: one policy a statement, each with its place in the file, its annotations and its actions.

Cedar ignores annotations that it does not know, and numbers policies by position. Both are too loose for a treaty:
here every policy needs an `@id` of its own, an unknown annotation is refused (a misspelt `@obligation` would silently
bind nobody), and a permit must name the actions it permits (or it would permit those of a later edition as well).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

import cedarpy

from watchlists.agreements.actions import ACTIONS, CHECK, CHECKED
from watchlists.agreements.duties import Duty
from watchlists.agreements.obligations import check_place, parse_obligations
from watchlists.agreements.vocabulary import Reads, asked_alike, purposes_asked, reads
from watchlists.errors import AgreementInvalid

ANNOTATIONS: Final = frozenset({"id", "cites", "obligations"})
RULES_CAP: Final = 1 << 20
"""Bytes of a `rules.cedar`; the text of a long treaty is a tenth of it."""

STATEMENT_CAP: Final = 1 << 14
NESTING_CAP: Final = 32
"""Characters of one rule, and brackets inside brackets: Cedar's parser ends the whole process at some 500 of them."""

REMEMBERED: Final = 4096
"""Rules that need not be parsed again when the folder of agreements is."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|[;()\[\]{}]', re.DOTALL)
_COMMENT: Final = re.compile(r"\s+|//[^\n]*")


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule of an agreement.

    Args:
        duties: its obligations.
        actions: those that the rule's head matches.
        purposes: those outside which it can never match; None if that cannot be told.
        alike: those of its actions for which its conditions say the same within a check: they are asked once.
        reads: what its conditions depend on, beside which action is asked.
        line: where its statement starts in `rules.cedar`, from 1.
        text: the statement in Cedar.
        tree: the statement as Cedar's JSON policy format.
    """

    id: str
    cites: str | None
    permits: bool
    duties: tuple[Duty, ...]
    actions: frozenset[str]
    purposes: frozenset[str] | None
    alike: frozenset[str]
    reads: Reads
    line: int
    text: str
    tree: Mapping[str, Any]


@cache
def cedar_schema() -> cedarpy.Schema:
    """The schema that every agreement's rules are written in, parsed once."""
    return cedarpy.Schema.from_str((files(__package__) / "crosscheck.cedarschema").read_text("utf-8"))


def read_policies(unverified_rules: str, file: str) -> tuple[Policy, ...]:
    """Split, parse and validate the text of `rules.cedar`.

    Raises:
        AgreementInvalid: with the line of the statement that is wrong.
    """
    refuse_hidden_characters(unverified_rules, file)
    policies: dict[str, Policy] = {}
    for line, statement in _statements(unverified_rules):
        policy = _read_policy(statement, line, file)
        if policy.id in policies:
            raise AgreementInvalid(
                file, f'@id("{policy.id}") is already used on line {policies[policy.id].line}', line=line
            )
        policies[policy.id] = policy
    if not policies:
        raise AgreementInvalid(file, "there is no rule in it", hint="Write at least one permit.")
    return tuple(policies.values())


def refuse_hidden_characters(text: str, file: str) -> None:
    """Refuse control and direction marks, and ends of lines that Cedar does not know: a lawyer must see what it reads.

    Raises:
        AgreementInvalid: with the line.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        for character in line.removesuffix("\r"):
            if character != "\t" and unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}:
                raise AgreementInvalid(file, f"hidden character U+{ord(character):04X}", line=number)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with its line; what follows the last semicolon too, unless it is only comment."""
    start = 0
    ends = [token.end() for token in _TOKEN.finditer(text) if token.group() == ";"]
    for end in (*ends, len(text)):
        while comment := _COMMENT.match(text, start, end):
            start = comment.end()
        if start < end:
            yield text.count("\n", 0, start) + 1, text[start:end]
        start = end


def _refuse_endless(statement: str, line: int, file: str) -> None:
    depth = 0
    for mark in _TOKEN.findall(statement):
        depth += (mark in "([{") - (mark in ")]}")
        if depth > NESTING_CAP:
            raise AgreementInvalid(file, f"brackets are nested more than {NESTING_CAP} deep", line=line)
    if len(statement) > STATEMENT_CAP:
        raise AgreementInvalid(file, f"a rule is longer than {STATEMENT_CAP} characters", line=line)


@lru_cache(maxsize=REMEMBERED)
def _read_policy(statement: str, line: int, file: str) -> Policy:
    """Read one statement. Of an agreement that changes, most stay as they are; refusals are not remembered."""
    _refuse_endless(statement, line, file)
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(statement))
    except ValueError as error:
        raise AgreementInvalid(file, f"not a Cedar policy: {error}", line=line) from error
    except RecursionError as error:
        raise AgreementInvalid(file, "a rule chains too many expressions", line=line) from error
    if parsed["templates"]:
        raise AgreementInvalid(file, "a rule may not hold a ?principal or ?resource slot", line=line)
    (tree,) = parsed["staticPolicies"].values()
    result = cedarpy.validate_policies(statement, cedar_schema())
    if not result.validation_passed:
        reasons = "; ".join(dict.fromkeys(error.error.replace("for policy `policy0`, ", "") for error in result.errors))
        raise AgreementInvalid(
            file,
            reasons,
            line=line,
            hint="Rules may read only what the schema holds; test an optional attribute with `has` first.",
        )
    try:
        return _annotated(tree, line, statement)
    except ValueError as error:
        raise AgreementInvalid(file, str(error), line=line) from error


def _annotated(tree: Mapping[str, Any], line: int, statement: str) -> Policy:
    annotations: dict[str, str | None] = tree.get("annotations", {})
    if unknown := sorted(annotations.keys() - ANNOTATIONS):
        raise ValueError(f"unknown annotation @{unknown[0]}; the known ones are @{', @'.join(sorted(ANNOTATIONS))}")
    identifier = annotations.get("id") or ""
    if not _ID.fullmatch(identifier):
        raise ValueError('each rule needs its own @id("..."): letters, digits, ".", "_" and "-", at most 64')
    permits = tree["effect"] == "permit"
    if not permits and "obligations" in annotations:
        raise ValueError("a forbid discloses nothing, so it cannot carry @obligations")
    actions = _actions(tree["action"], permits=permits)
    duties = parse_obligations(annotations["obligations"] or "") if "obligations" in annotations else ()
    check_place(duties, actions)
    return Policy(
        id=identifier,
        cites=annotations.get("cites") or None,
        permits=permits,
        duties=duties,
        actions=actions,
        purposes=purposes_asked(tree),
        alike=actions & asked_alike(tree),
        reads=reads(tree),
        line=line,
        text=statement,
        tree=tree,
    )


def _actions(scope: Mapping[str, Any], *, permits: bool) -> frozenset[str]:
    """The actions of a rule's head. `in` is the same as `==`, but for the one group that the schema has."""
    if scope["op"] == "All":
        if permits:
            raise ValueError('a permit must name its actions, such as action == Action::"search"')
        return frozenset(ACTIONS)
    named = frozenset(entity["id"] for entity in scope.get("entities") or [scope["entity"]])
    if CHECK not in named:
        return named
    if permits:
        raise ValueError('a permit must name its actions one by one, not the group Action::"check"')
    return (named - {CHECK}) | CHECKED
