"""Check agreements: load them, run their cases, look for gaps."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from watchlists.agreements import Agreement, RuleBook, load_agreement
from watchlists.agreements.case_runs import CaseResult, run_cases
from watchlists.agreements.cases import load_cases
from watchlists.agreements.coverage import Remark, remarks
from watchlists.agreements.load import AGREEMENT_FILE, RULES_FILE
from watchlists.agreements.matrix import Cells, Direction, matrix
from watchlists.errors import AgreementInvalid


@dataclass(frozen=True, slots=True)
class Checked:
    """A sound agreement, with how its cases went, what to look at, and the matrix."""

    folder: Path
    agreement: Agreement
    results: tuple[CaseResult, ...]
    remarks: tuple[Remark, ...]
    matrix: list[tuple[tuple[Direction, ...], Cells]]

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        return tuple(result for result in self.results if not result.passed)


@dataclass(frozen=True, slots=True)
class Checks:
    """Everything that was checked: sound agreements, and why the others are not, or not together."""

    sound: tuple[Checked, ...]
    errors: tuple[AgreementInvalid, ...]

    @property
    def passed(self) -> bool:
        return not self.errors and not any(checked.failed for checked in self.sound)


def folders_of(root: Path) -> list[Path]:
    """The agreements' folders that `root` stands for: itself, or those in it that do not start with a dot."""
    root = root.resolve()
    if (root / AGREEMENT_FILE).exists():
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def check(folders: Sequence[Path]) -> Checks:
    """Check each agreement by itself, and whether they can be in use together."""
    sound: list[Checked] = []
    errors: list[AgreementInvalid] = []
    for folder in folders:
        try:
            sound.append(_check_one(folder))
        except AgreementInvalid as error:
            errors.append(error)
    try:
        RuleBook(checked.agreement for checked in sound)
    except AgreementInvalid as error:
        errors.append(error)
    return Checks(tuple(sound), tuple(errors))


def rules_digest(folder: Path) -> str:
    """SHA-256 of `rules.cedar`, as `sha256sum` prints it."""
    return hashlib.sha256((folder / RULES_FILE).read_bytes()).hexdigest()


def _check_one(folder: Path) -> Checked:
    agreement = load_agreement(folder)
    results = run_cases(agreement, load_cases(folder, agreement))
    return Checked(folder, agreement, results, tuple(remarks(agreement, results)), matrix(agreement))
