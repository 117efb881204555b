"""The agreements of docs/agreements: what they promise holds, and nothing in them is left untried."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchlists.agreements.case_runs import CaseResult, run_cases
from watchlists.agreements.cases import load_cases
from watchlists.agreements.coverage import remarks
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement, load_agreement, load_agreements

WORKED = Path(__file__).parents[3] / "docs" / "agreements"
NAMES = ("interpol", "prum", "sis")

every_agreement = pytest.mark.parametrize("name", NAMES)


def checked(name: str) -> tuple[Agreement, tuple[CaseResult, ...]]:
    agreement = load_agreement(WORKED / name)
    return agreement, run_cases(agreement, load_cases(WORKED / name, agreement))


def test_every_folder_is_checked() -> None:
    assert sorted(path.name for path in WORKED.iterdir()) == sorted(NAMES)


@every_agreement
def test_its_cases_hold_and_leave_nothing_open(name: str) -> None:
    agreement, results = checked(name)
    assert [(result.case.sentence, result.failures) for result in results if not result.passed] == []
    assert list(remarks(agreement, results)) == []


@every_agreement
def test_its_cases_speak_of_hits_of_silence_and_of_deeds(name: str) -> None:
    cases = [result.case for result in checked(name)[1]]
    hits = [case for case in cases if case.deed is None]
    assert [case for case in hits if case.expect.level is not Level.NONE]
    assert [case for case in hits if case.expect.level is Level.NONE and case.expect.why]
    assert {case.expect.allowed for case in cases if case.deed is not None} == {True, False}


@every_agreement
def test_every_rule_cites_its_article(name: str) -> None:
    agreement = load_agreement(WORKED / name)
    assert [policy.id for policy in agreement.policies if policy.cites is None] == []


def test_all_of_them_can_be_in_force_together() -> None:
    book = RuleBook(load_agreements(WORKED))
    moment = max(agreement.in_force_from for agreement in book.agreements)
    assert {agreement.id for agreement in book.in_force(moment)} == {"xa-xb-prum", "joint-alerts", "notices"}
