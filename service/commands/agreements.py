"""`crosscheck agreements`: check what was agreed, explain what it leads to, list what is in force."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from service.commands.agreements_check import check, folders_of, rules_digest
from service.commands.agreements_report import (
    checks_as_json,
    explanation_as_json,
    print_checks,
    print_explanation,
    readable_console,
)
from service.errors import DataFolderMissing
from service.settings import Settings
from service.storage import system_clock
from watchlists.agreements import Agreement, Request, RuleBook, load_agreement
from watchlists.agreements.case_format import DEFAULT_ACTION, DEFAULT_SCORE
from watchlists.agreements.explain import as_if_in_force, explain
from watchlists.agreements.findings import moment
from watchlists.agreements.obligations import JUSTIFICATIONS
from watchlists.records import Age, Conditions, VisibilityClass

commands = typer.Typer(
    help="Check agreements, explain what they lead to, list those of this node.",
    no_args_is_help=True,
    add_completion=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_MOMENT: Final = "Date, time and zone, such as 2026-07-01T00:00:00Z."


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter("a moment has date, time and zone, such as 2026-07-01T00:00:00Z")
    return found


@commands.command("check")
def check_agreements(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="An agreement, or a folder of them.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check rules and cases, and show the matrix. Status 1 if something is not sound or a case does not hold."""
    folders = folders_of(folder)
    if not folders:
        raise typer.BadParameter("there is no agreement in this folder", param_hint="DIR")
    checks = check(folders)
    if as_json:
        typer.echo(json.dumps(checks_as_json(checks), indent=2))
    else:
        print_checks(checks)
    if not checks.passed:
        raise typer.Exit(1)


@commands.command("explain")
def explain_outcome(
    *,
    partner: Annotated[str, typer.Option(help="Who asks.")],
    owner: Annotated[str, typer.Option(help="Whose entry it is.")],
    purpose: Annotated[str, typer.Option(help="Why the person is checked.")],
    category: Annotated[str, typer.Option(help="What the entry is about.")],
    agreements: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", exists=True, file_okay=False, help="Agreements to ask; those of the data folder if left out."
        ),
    ] = None,
    score: Annotated[float, typer.Option(min=0, max=100, help="Match score of the hit.")] = DEFAULT_SCORE,
    at: Annotated[str | None, typer.Option(help=f"{_MOMENT} Now, if left out.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Take agreements that begin later as in force.")] = False,
    role: Annotated[str, typer.Option(help="Role of the asking token.")] = "terminal",
    authority: Annotated[str, typer.Option(help="Authority of the asking token.")] = "",
    country: Annotated[str, typer.Option(help="State that the partner acts for; the partner, if left out.")] = "",
    checkpoint: Annotated[str, typer.Option(help="Where the person is checked.")] = "GATE-1",
    case_reference: Annotated[str | None, typer.Option(help="The asking partner's file.")] = None,
    justification: Annotated[str | None, typer.Option(help="A reason that comes with the request.")] = None,
    authorised: Annotated[bool, typer.Option("--authorised", help="The owner has authorised it beforehand.")] = False,
    emergency: Annotated[bool, typer.Option("--emergency", help="A declared emergency.")] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="The request is of an exercise.")] = False,
    quota_used_up: Annotated[bool, typer.Option("--quota-used-up", help="No search is left for today.")] = False,
    action: Annotated[str, typer.Option(help="What the owner asks to do.")] = DEFAULT_ACTION,
    watchlist: Annotated[str | None, typer.Option(help="List that the entry is on; OWNER-list if left out.")] = None,
    handling: Annotated[list[str] | None, typer.Option(help="Handling code of the entry; may be repeated.")] = None,
    excluded: Annotated[list[str] | None, typer.Option(help="Whom it excludes; may be repeated.")] = None,
    flagged_by: Annotated[list[str] | None, typer.Option(help="Who flagged it; may be repeated.")] = None,
    hidden_until: Annotated[str | None, typer.Option(help=_MOMENT)] = None,
    age: Annotated[Age, typer.Option(help="Of the subject.")] = Age.UNKNOWN,
    in_child_interest: Annotated[bool, typer.Option("--in-child-interest", help="Entered to protect a child.")] = False,
    gravity: Annotated[int | None, typer.Option(min=0, help="Longest sentence for the offence, in months.")] = None,
    contested: Annotated[bool, typer.Option("--contested", help="The subject contests the data.")] = False,
    exercise_entry: Annotated[bool, typer.Option("--exercise-entry", help="The entry is for exercises.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a partner would see of an entry like this, and by which clauses; for hits and for silence."""
    now = _moment(at) or system_clock()
    loaded = [load_agreement(folder) for folder in (folders_of(agreements) if agreements else _own_folders())]
    book = RuleBook(as_if_in_force(each, now) if draft else each for each in loaded)
    given = {"case-reference": case_reference, "justification": justification}
    request = Request(
        partner=partner,
        role=role,
        purpose=purpose,
        case_reference=case_reference,
        checkpoint=checkpoint,
        country=country,
        authority=authority,
        justified=frozenset(name for name in JUSTIFICATIONS if given[name] is not None),
        authorised_by=frozenset({owner} if authorised else ()),
        emergency=emergency,
        exercise=exercise,
        exhausted=frozenset(each.id for each in loaded if quota_used_up),
    )
    conditions = Conditions(
        excluded=tuple(excluded or ()),
        flagged_by=tuple(flagged_by or ()),
        hidden_until=_moment(hidden_until),
        age=age,
        in_child_interest=in_child_interest,
        gravity=gravity,
        contested=contested,
        exercise=exercise_entry,
    )
    klass = VisibilityClass(owner, watchlist or f"{owner}-list", category, action, tuple(handling or ()), conditions)
    explanation = explain(book, request, klass, score, now)
    if as_json:
        typer.echo(json.dumps(explanation_as_json(explanation), indent=2))
    else:
        print_explanation(explanation)


@commands.command("list")
def list_agreements(as_json: AsJson = False) -> None:
    """List the agreements of the data folder, with the SHA-256 of their rules, as `sha256sum rules.cedar` prints it."""
    now = system_clock()
    digests = {load_agreement(folder): rules_digest(folder) for folder in _own_folders()}
    book = RuleBook(digests)
    if as_json:
        rows = [_as_json(each) | {"status": book.status(each, now), "rules_digest": digests[each]} for each in digests]
        typer.echo(json.dumps(rows))
        return
    table = Table()
    for heading in ("agreement", "title", "parties", "from", "until", "status", "rules"):
        whole = heading in {"agreement", "status", "rules"}
        table.add_column(heading, no_wrap=whole, overflow="fold")
    for each in book.agreements:
        until = "" if each.in_force_until is None else moment(each.in_force_until)
        parties, begins, status = ", ".join(sorted(each.parties)), moment(each.in_force_from), book.status(each, now)
        table.add_row(each.name, escape(each.title), parties, begins, until, status, digests[each][:12])
    readable_console().print(table)


def _as_json(agreement: Agreement) -> dict[str, object]:
    until = agreement.in_force_until
    return {
        "agreement": agreement.name,
        "title": agreement.title,
        "parties": sorted(agreement.parties),
        "in_force_from": agreement.in_force_from.isoformat(),
        "in_force_until": None if until is None else until.isoformat(),
    }


def _own_folders() -> list[Path]:
    settings = Settings()
    if not settings.agreements_folder.is_dir():
        raise DataFolderMissing(f"{settings.home} is not a Crosscheck data folder")
    return folders_of(settings.agreements_folder)
