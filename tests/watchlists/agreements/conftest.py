"""Agreements written for a test, and the sample agreements that a new data folder gets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchlists.agreements.decide import RuleBook
from watchlists.agreements.facts import Request, entities_of
from watchlists.agreements.load import Agreement, load_agreement, load_agreements
from watchlists.agreements.samples import copy_samples
from watchlists.records import VisibilityClass

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

PARTICULARS = {
    "id": '"xa-xb"',
    "title": '"Test"',
    "parties": '["xa", "xb"]',
    "version": "1",
    "in_force_from": "2026-01-01T00:00:00Z",
    "purposes": '["border-check", "asylum"]',
    "categories": '["wanted", "missing-person"]',
}

SEARCH = '@id("search")\npermit (principal, action == Action::"search", resource);\n'
SCORE = '@id("score")\npermit (principal, action == Action::"see score", resource);\n'

Write = Callable[..., Path]
Load = Callable[..., Agreement]


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """No test lives on what another has asked."""
    entities_of.cache_clear()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an agreement's folder; keywords override the keys of agreement.toml, None leaves one out."""

    def write_folder(rules: str, folder: str = "test", **overrides: str | None) -> Path:
        target = tmp_path / folder
        target.mkdir()
        lines = [f"{key} = {value}" for key, value in {**PARTICULARS, **overrides}.items() if value is not None]
        (target / "agreement.toml").write_text("\n".join(lines), "utf-8")
        (target / "rules.cedar").write_text(rules, "utf-8")
        return target

    return write_folder


@pytest.fixture
def load(write: Write) -> Load:
    def load_rules(rules: str, folder: str = "test", **overrides: str | None) -> Agreement:
        return load_agreement(write(rules, folder, **overrides))

    return load_rules


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    root = tmp_path_factory.mktemp("agreements")
    copy_samples(root)
    return RuleBook(load_agreements(root))


def terminal(
    partner: str = "xa", purpose: str = "border-check", *, role: str = "terminal", case: str | None = None
) -> Request:
    return Request(partner, role, purpose, case, f"{partner.upper()}-GATE-07")


def wanted(owner: str = "xb", category: str = "wanted", handling: tuple[str, ...] = ()) -> VisibilityClass:
    return VisibilityClass(owner, f"{owner}-list", category, "inform-officer", handling)
