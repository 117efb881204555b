"""How the results of `crosscheck agreements` are shown: for people, and as JSON."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from service.commands.agreements_check import Checked, Checks, rules_digest
from service.commands.agreements_matrix import WIDTH, print_matrix
from watchlists.agreements.case_runs import CaseResult
from watchlists.agreements.cases import CASES_FILE
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.explain import Explanation
from watchlists.agreements.matrix import Cell, Mark
from watchlists.errors import AgreementInvalid

LEGEND: Final = (
    "What terminals see at most, for an entry without conditions: at once -> after a confirmation. "
    "silent: seen by the supervisor only. justify: only with a justification. authorise: only with the owner's prior "
    "authorisation. quota: a number of searches a day. face, fingers: reviewers compare them."
)
FILE_WIDTH: Final = 160


def readable_console() -> Console:
    """The console; in a file or a pipe, lines are long enough for tables to keep their words whole."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=FILE_WIDTH)


def print_checks(checks: Checks) -> None:
    """Print everything that was checked, with file and line and what to do."""
    console = readable_console()
    for checked in checks.sound:
        _print_checked(console, checked)
    if checks.sound:
        console.print(LEGEND, style="dim", width=min(console.width, WIDTH))
    for error in checks.errors:
        console.print(f"[red]error[/red] {escape(error.detail)}. {escape(error.hint)}", soft_wrap=True)


def _print_checked(console: Console, checked: Checked) -> None:
    agreement = checked.agreement
    console.print(f"[bold]{agreement.name}[/bold] {escape(agreement.title)}", soft_wrap=True)
    if agreement.joint_desk:
        sharing = ", ".join(sorted(agreement.joint_desk))
        console.print(f"Reviewers of {sharing} share the flags that it alone decides on", soft_wrap=True)
    console.print(f"{len(checked.results) - len(checked.failed)} of {len(checked.results)} cases hold")
    for result in checked.failed:
        _print_failed(console, checked, result)
    for remark in checked.remarks:
        place = f"{checked.folder.name}/{remark.file}:{remark.line}"
        console.print(f"[yellow]warning[/yellow] {escape(f'{place}: {remark.text}. {remark.hint}')}", soft_wrap=True)
    print_matrix(console, checked.matrix)


def _print_failed(console: Console, checked: Checked, result: CaseResult) -> None:
    case = result.case
    place = f"{checked.folder.name}/{CASES_FILE}:{case.line}"
    console.print(
        f"[red]failed[/red] {escape(f'{place}: {case.sentence}')} ({', '.join(case.clauses)})", soft_wrap=True
    )
    for line in (*result.failures, *(f"the rules say: {reason}" for reason in result.reasons)):
        console.print(f"    {escape(line)}", soft_wrap=True)
    console.print("    Mend the rule, or the case if the parties agreed otherwise.")


def print_explanation(explanation: Explanation) -> None:
    """Print the outcome and a line for each finding."""
    console = readable_console()
    request, klass = explanation.request, explanation.klass
    console.print(
        f"{escape(request.partner)} with purpose {escape(request.purpose)} would see of an entry of "
        f"{escape(klass.owner)}, {escape(klass.category)}: [bold]{explanation.outcome}[/bold]",
        soft_wrap=True,
    )
    for finding in explanation.findings:
        console.print(f"  {escape(finding.text)}", soft_wrap=True)


def checks_as_json(checks: Checks) -> dict[str, Any]:
    """Everything that was checked, as plain values."""
    return {
        "passed": checks.passed,
        "agreements": [_checked_as_json(checked) for checked in checks.sound],
        "errors": [_error_as_json(error) for error in checks.errors],
    }


def explanation_as_json(explanation: Explanation) -> dict[str, Any]:
    """An explanation as plain values."""
    seen = explanation.disclosure
    return {
        "outcome": explanation.outcome,
        "compared": explanation.compared,
        "at": explanation.now.isoformat(),
        "level": seen.level.word,
        "later": seen.later.level.word if seen.later else None,
        "silent": seen.silent,
        "action": seen.action,
        "handling": list(seen.later.handling if seen.later else seen.handling),
        "duties": list(seen.duties.texts),
        "extras": sorted(seen.later.extras if seen.later else seen.extras),
        "findings": [
            {
                "why": finding.why,
                "text": finding.text,
                "item": finding.item,
                "clauses": [_clause_as_json(clause) for clause in finding.clauses],
            }
            for finding in explanation.findings
        ],
    }


def _checked_as_json(checked: Checked) -> dict[str, Any]:
    return {
        "agreement": checked.agreement.name,
        "folder": checked.folder.name,
        "rules_digest": rules_digest(checked.folder),
        "cases": [_result_as_json(result) for result in checked.results],
        "warnings": [
            {
                "file": f"{checked.folder.name}/{remark.file}",
                "line": remark.line,
                "text": remark.text,
                "hint": remark.hint,
            }
            for remark in checked.remarks
        ],
        "matrix": [
            {
                "directions": [
                    {"asker": each.asker, "owner": each.owner, "authority": each.authority} for each in directions
                ],
                "cells": [_cell_as_json(*words, cell) for words, cell in cells.items()],
            }
            for directions, cells in checked.matrix
        ],
    }


def _result_as_json(result: CaseResult) -> dict[str, Any]:
    return {
        "case": result.case.sentence,
        "clauses": list(result.case.clauses),
        "line": result.case.line,
        "passed": result.passed,
        "failures": list(result.failures),
        "reasons": list(result.reasons),
    }


def _cell_as_json(purpose: str, category: str, cell: Cell) -> dict[str, Any]:
    return {
        "purpose": purpose,
        "category": category,
        "at_once": cell.at_once.word,
        "later": cell.later.word,
        "marks": [mark.value for mark in Mark if mark in cell.marks],
    }


def _error_as_json(error: AgreementInvalid) -> dict[str, Any]:
    return {"file": error.file, "line": error.line, "text": error.reason, "hint": error.hint}


def _clause_as_json(clause: Clause) -> dict[str, Any]:
    return {
        "agreement": clause.agreement,
        "version": clause.version,
        "clause": clause.clause,
        "cites": clause.cites,
    }
