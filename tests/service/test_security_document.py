"""docs/security.md: every threat has a defence, every defence a test, and every test that is named is there."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

import pytest

from service.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")
THREATS = (
    "Thief of a terminal",
    "Hill-climber",
    "Terminal that is curious about silent alarms",
    "Forger of a person",
    "Partner that cheats",
    "Another node",
    "Operator",
    "Thief of the database",
    "Network",
    "Reviewer who colludes",
    "Reviewer who is phished",
    "Receiver of webhooks",
    "Denial of service",
    "Supply chain",
)


class Defence(NamedTuple):
    """A row of a table: what somebody tries, what stops it, and the tests."""

    threat: str
    attempt: str
    defence: str
    tests: list[str]


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.*)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@cache
def defences() -> list[Defence]:
    found = []
    for threat, text in sections().items():
        for line in text.splitlines():
            if line.startswith("| ") and not line.startswith(("| they try", "|---")):
                attempt, defence, tests = line.strip("| ").split(" | ")
                found.append(Defence(threat, attempt, defence, re.findall(r"`(test_\w+)`", tests)))
    return found


@cache
def known_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text("utf-8"))}


def test_every_threat_has_its_section_and_no_other_has() -> None:
    assert tuple(name for name in sections() if name in THREATS) == THREATS
    assert set(sections()) - set(THREATS) == {"What is not defended against", "If something has happened"}


@pytest.mark.parametrize("threat", THREATS)
def test_every_threat_says_what_stops_it_and_what_is_left_to_the_operator(threat: str) -> None:
    assert any(defence.threat == threat for defence in defences())
    assert "**Left to the operator.**" in sections()[threat]


def test_every_defence_is_shown_by_a_test() -> None:
    assert [defence.attempt for defence in defences() if not defence.tests] == []


def test_every_test_that_is_named_is_there() -> None:
    named = {name for defence in defences() for name in defence.tests}
    assert len(named) > 50
    assert sorted(named - known_tests()) == []


def test_what_calls_home_is_not_installed() -> None:
    names = {(found.metadata["Name"] or "").lower().replace("_", "-") for found in distributions()}
    assert "openvino" in names  # the search looks where packages are
    assert not {"openvino-telemetry", "sentry-sdk", "opentelemetry-sdk"} & names


def test_everything_that_it_refers_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT):
        assert (ROOT / "docs" / link).exists(), link


def test_every_setting_that_it_names_exists() -> None:
    settings = {f"CROSSCHECK_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"CROSSCHECK_[A-Z_]+", TEXT)) - settings == set()
