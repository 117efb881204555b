"""docs/rules.md and docs/agreements.md: what they show is valid, and what they name is there."""

from __future__ import annotations

import re
from functools import cache, reduce
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from service.commands.agreements import commands
from watchlists.agreements import load_agreement
from watchlists.agreements.case_runs import run_cases
from watchlists.agreements.cases import load_cases
from watchlists.agreements.samples import copy_samples

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


def guide() -> str:
    return (ROOT / "docs" / "agreements.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", guide(), re.MULTILINE | re.DOTALL)


def test_the_rules_of_the_guide_are_valid(tmp_path: Path) -> None:
    for block in blocks("cedar"):
        load(tmp_path, block)


def test_the_particulars_of_the_guide_are_valid(tmp_path: Path) -> None:
    (particulars,) = blocks("toml")
    load(tmp_path, blocks("cedar")[0], particulars)


def output(*arguments: str) -> str:
    return CliRunner().invoke(commands, arguments, env={"COLUMNS": "300"}).output


def test_whoever_follows_the_guide_sees_what_it_shows(tmp_path: Path) -> None:
    copy_samples(tmp_path)
    draft = (tmp_path / "xa-xb").rename(tmp_path / "my-agreement")
    at_first = output("check", str(draft))
    old = re.search(r"// \(1\) At the border, the score.*?;\n", (draft / "rules.cedar").read_text("utf-8"), re.DOTALL)
    assert old is not None
    change(draft / "rules.cedar", old[0], blocks("cedar")[0])
    changed = output("check", str(draft))
    with (draft / "cases.yaml").open("a", encoding="utf-8") as cases:
        cases.write("\n" + blocks("yaml")[0])
    failed = output("check", str(draft))
    right = "{level: hit, because: border-minors}"
    assert right in guide()
    change(draft / "cases.yaml", "age: minor}\n  expect: {level: score}", f"age: minor}}\n  expect: {right}")
    held = output("check", str(draft))
    explained = [output("explain", "--agreements", str(draft), *options.split()) for options in explanations()]
    change(draft / "rules.cedar", '"under-12"', '"under-13"')
    misspelt = output("check", str(draft))
    assert "12 of 12 cases hold" in held
    assert "warning" not in held
    said = {line for text in (at_first, changed, failed, misspelt, *explained) for line in text.splitlines()}
    assert [line for line in shown_output() if line not in said] == []


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")


def tutorial() -> str:
    return guide().split("\n## ")[1]


def explanations() -> list[str]:
    return re.findall(r"^crosscheck agreements explain --agreements my-agreement (.*)$", tutorial(), re.MULTILINE)


def shown_output() -> list[str]:
    """The lines of the tutorial's blocks that are neither commands nor of a file."""
    fenced = tutorial().split("```")[1::2]
    lines = [line for block in fenced if block.startswith("\n") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(("crosscheck", "cp "))]


def test_the_cases_of_the_guide_hold(tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(blocks("yaml")[1], "utf-8")
    agreement = load_agreement(ROOT / "docs" / "agreements" / "sis")
    assert [result.failures for result in run_cases(agreement, load_cases(tmp_path, agreement))] == [(), ()]
