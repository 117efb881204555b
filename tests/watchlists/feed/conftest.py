"""Agreements under which copies go, and a partner's node that publishes under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watchlists.agreements.conftest import PARTICULARS
from tests.watchlists.feed.simulator import PartnerSimulator
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.load import load_agreement

COPY = '@id("copy")\npermit (principal, action == Action::"copy", resource);\n'
FOR_A_DAY = (
    '@id("copy")\n@obligations("copies-at-most(24 h)")\npermit (principal, action == Action::"copy", resource);\n'
)
SEARCH = '@id("search")\npermit (principal, action == Action::"search", resource);\n'


def rule_book(folder: Path, rules: str, **other: str) -> RuleBook:
    """The one agreement of "xa" and "xb", about the categories "wanted" and "missing-person"; `other` particulars."""
    folder.mkdir(parents=True)
    particulars = "\n".join(f"{key} = {value}" for key, value in {**PARTICULARS, **other}.items())
    (folder / "agreement.toml").write_text(particulars, "utf-8")
    (folder / "rules.cedar").write_text(SEARCH + rules, "utf-8")
    return RuleBook([load_agreement(folder)])


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    """Copies may go, and live as long as the entry."""
    return rule_book(tmp_path_factory.mktemp("rules") / "test", COPY)


@pytest.fixture(scope="session")
def for_a_day(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    """Copies may go, and live for a day."""
    return rule_book(tmp_path_factory.mktemp("rules") / "test", FOR_A_DAY)


@pytest.fixture(scope="session")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    """Nothing may be copied."""
    return rule_book(tmp_path_factory.mktemp("rules") / "test", "")


@pytest.fixture
def partner(rules: RuleBook) -> PartnerSimulator:
    return PartnerSimulator(rules)
