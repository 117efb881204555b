"""docs/rules.md and docs/agreements.md: what they show is valid, and what they name is there."""

from __future__ import annotations

import re
from functools import cache, reduce
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from watchlists.agreements import load_agreement

ROOT = Path(__file__).parents[2]
KINDS = 38
PARTICULARS = """\
id = "document"
title = "What the documents show"
parties = ["xa", "xb"]
version = 1
in_force_from = 2026-07-01T00:00:00Z
purposes = ["border-check", "asylum", "criminal-investigation", "second-line-check", "recorded-material",
            "threat-prevention", "training"]
categories = ["wanted", "missing-person", "arrest", "check"]
actions = ["arrest", "locate", "inform-officer", "specific-check", "inquiry-check", "discreet-check"]
handling = ["tlp-red"]
countries = ["xz"]
authorities = ["police"]
"""


class Kind(NamedTuple):
    """A row of the table."""

    number: int
    name: str
    article: str
    clause: str
    enforced: list[str]
    tests: list[str]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def kinds() -> list[Kind]:
    text = (ROOT / "docs" / "rules.md").read_text("utf-8")
    rows = (line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \d+ \|", line))
    return [
        Kind(int(number), name, article, clause.strip("`"), code(enforced), code(tests))
        for number, name, article, clause, enforced, tests in rows
    ]


def load(folder: Path, rules: str, particulars: str = PARTICULARS) -> None:
    (folder / "agreement.toml").write_text(particulars, "utf-8")
    (folder / "rules.cedar").write_text(rules, "utf-8")
    load_agreement(folder)


def test_every_kind_has_its_row() -> None:
    assert [kind.number for kind in kinds()] == list(range(1, KINDS + 1))
    assert all(kind.article and kind.enforced and kind.tests for kind in kinds())


@pytest.mark.parametrize("number", range(1, KINDS + 1))
def test_each_clause_is_one_that_an_agreement_may_hold(tmp_path: Path, number: int) -> None:
    clause = kinds()[number - 1].clause
    if "=" in clause.split()[1]:  # a key of agreement.toml
        load(tmp_path, '@id("a") permit (principal, action == Action::"search", resource);', PARTICULARS + clause)
    else:
        load(tmp_path, f'@id("clause") {clause}')


@pytest.mark.parametrize("number", range(1, KINDS + 1))
def test_what_enforces_a_kind_is_there(number: int) -> None:
    for name in kinds()[number - 1].enforced:
        assert_exists(name)


def test_what_waits_for_its_caller_is_there() -> None:
    text = (ROOT / "docs" / "rules.md").read_text("utf-8")
    waiting = re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)
    assert waiting
    for name in waiting:
        assert_exists(name)


def assert_exists(name: str) -> None:
    """Modules are two or three deep; what is left of the name are attributes."""
    package, module, *attributes = name.split(".")
    where = "watchlists.agreements" if package == "agreements" else package
    assert callable(reduce(getattr, attributes, import_module(f"{where}.{module}"))) or attributes[-1].isupper()


@pytest.mark.parametrize("number", range(1, KINDS + 1))
def test_the_tests_of_a_kind_are_there(number: int) -> None:
    first, *files = kinds()[number - 1].tests
    core = (ROOT / "tests/watchlists/agreements/test_rule_kinds.py").read_text("utf-8")
    assert f"def {first}(" in core
    assert first.startswith(f"test_rule_kind_{number:02}_")
    for file in files:
        assert re.search(rf"def test_rule_kind_0?{number}_", (ROOT / "tests" / file).read_text("utf-8")), file


def test_the_blocks_of_the_guide_are_valid(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "agreements.md").read_text("utf-8")
    blocks = re.findall(r"^```cedar\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        load(tmp_path, block)
