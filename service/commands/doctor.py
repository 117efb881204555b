"""`crosscheck doctor`: is everything there, is it what it should be, and what to do if not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy.exc import SQLAlchemyError

from models.errors import CrosscheckError
from models.face import FaceEncoder
from models.weights import ModelStore
from service.commands.progress import progress_bars
from service.machines.register import MachineRegister
from service.settings import BearerTokens, Settings
from service.storage import open_store
from watchlists import migrations
from watchlists.agreements import RuleBookHolder
from watchlists.database import examine as examine_database
from watchlists.errors import AgreementInvalid
from watchlists.gallery import LocalGallery
from watchlists.inspection import inspect

# A clock before the day this was written is certainly wrong.
EARLIEST_NOW = datetime(2026, 11, 1, tzinfo=UTC)
COUNTRY_CODE = re.compile(r"[a-z]{2,3}")
"""What ISO 3166-1 codes look like, alpha-2 and alpha-3, in lower case as agreements write them."""


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    detail: str
    hint: str = ""


commands = typer.Typer(add_completion=False)


@commands.command()
def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Open everything too, and hold store, log, gallery and seals together.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check models, data folder, database, agreements, partners, gallery, clock; say what to fix. Nothing is changed.

    With --deep every entry is opened: that takes about two minutes for each million, and the service may run meanwhile.
    """
    findings = list(examine(Settings()))
    if deep:
        with progress_bars() as progress:
            findings += examine_deeply(Settings(), progress)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        _print(findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield one finding for each part, whether or not the parts before it are sound."""
    parts: dict[str, Callable[[Settings], str]] = {
        "models": _models,
        "data folder": _data_folder,
        "database": _database,
        "agreements": _agreements,
        "partners": _partners,
        "identities": _identities,
        "gallery": _gallery,
        "clock": _clock,
    }
    for what, check in parts.items():
        try:
            yield Finding(what, ok=True, detail=check(settings))
        except CrosscheckError as error:
            yield Finding(what, ok=False, detail=error.detail, hint=error.hint)
        except (OSError, SQLAlchemyError) as error:
            hint = f"Look at {settings.home}: its files, their rights, the disk; else restore it from a backup."
            yield Finding(what, ok=False, detail=f"cannot be read ({type(error).__name__})", hint=hint)


def examine_deeply(settings: Settings, progress: Callable[[str, int, int], None]) -> Iterator[Finding]:
    """Yield one finding for each part that is sound, and for each flaw of the others; nothing if nothing opens."""
    try:
        store = open_store(settings)
    except (CrosscheckError, OSError, SQLAlchemyError):
        return  # `examine` has said so
    for part in inspect(store, progress):
        if not part.flaws:
            yield Finding(part.what, ok=True, detail=part.checked)
        for flaw in part.flaws:
            yield Finding(part.what, ok=False, detail=flaw.detail, hint=flaw.hint)
    store.engine.dispose()


class Unsound(CrosscheckError):
    """A part that can be read but is not as it should be."""


def _models(settings: Settings) -> str:
    store = ModelStore(settings.models_folder)
    store.verify()
    return f"{len(store.entries())} files in {settings.models_folder} have the right hashes"


def _data_folder(settings: Settings) -> str:
    mode = settings.home.stat().st_mode & 0o777 if settings.home.exists() else 0
    if mode & 0o077:
        hint = f"Run `chmod 700 {settings.home}`."
        raise Unsound(f"{settings.home} can be read by other users (mode {mode:o})", hint=hint)
    open_store(settings)
    return f"{settings.home} is private and its root key opens the database"


def _database(settings: Settings) -> str:
    store = open_store(settings)
    state = examine_database(store.engine)
    if state.weaknesses:
        hint = "Until then an acknowledged write could be lost, or be read on its way."
        raise Unsound(f"{state.kind}, {state.place}: {'; '.join(state.weaknesses)}", hint=hint)
    if differences := migrations.differences(store.engine):
        hint = "Restore the database from a backup; its tables were changed by something other than Crosscheck."
        raise Unsound(f"the tables differ from what this version expects: {'; '.join(differences)}", hint=hint)
    written = f"{store.entry_count()} entries, last change {store.log.last_sequence()}"
    return f"{state.kind}, {state.place} ({', '.join(state.promises)}): {written}"


def _agreements(settings: Settings) -> str:
    count = len(RuleBookHolder(settings.agreements_folder).current.agreements)
    if count == 0:
        hint = f"Put agreements into {settings.agreements_folder}; docs/agreements.md says how."
        raise Unsound("no agreement is loaded, so nothing is visible to anybody", hint=hint)
    return f"{count} loaded"


def _partners(settings: Settings) -> str:
    """Whoever acts for a state that nobody could name is missed where that state is excluded."""
    partners = open_store(settings).partners()
    named = _countries_of_agreements(settings)
    doubtful = [each for each in partners if each.country not in named and not COUNTRY_CODE.fullmatch(each.country)]
    if doubtful:
        hint = (
            f"Correct it: `crosscheck partner country {doubtful[0].id} --country CODE`. Exclusions of a state go by it."
        )
        wrong = ", ".join(f"{each.id} acts for {each.country}" for each in doubtful)
        raise Unsound(f"{wrong}: no code of a country, and none that an agreement names", hint=hint)
    return f"{len(partners)}, each of a country"


def _countries_of_agreements(settings: Settings) -> frozenset[str]:
    try:
        agreements = RuleBookHolder(settings.agreements_folder).current.agreements
    except AgreementInvalid:
        return frozenset()  # the finding about agreements says so
    return frozenset[str]().union(*(agreement.countries for agreement in agreements))


def _identities(settings: Settings) -> str:
    if settings.bearer_tokens is BearerTokens.INSECURE_ANYWHERE:
        hint = "Register keys with `crosscheck terminal add`, and unset CROSSCHECK_BEARER_TOKENS."
        raise Unsound("bearer tokens are accepted over the network: whoever sees one has it", hint=hint)
    keys = [key for key in MachineRegister(open_store(settings).engine).all() if key.revoked_at is None]
    return f"{len(keys)} keys of machines; bearer tokens: {settings.bearer_tokens}"


def _gallery(settings: Settings) -> str:
    gallery = LocalGallery(open_store(settings), FaceEncoder(ModelStore(settings.models_folder)))
    gallery.load()
    if gallery.unreadable:
        hint = "Their owners should write these entries again; checks are answered as incomplete until then."
        raise Unsound(f"{gallery.unreadable} entries cannot be opened or compared", hint=hint)
    return f"{gallery.entries} entries with {gallery.templates} templates"


def _clock(_settings: Settings) -> str:
    now = datetime.now(UTC)
    if now < EARLIEST_NOW:
        raise Unsound(f"the clock says {now:%Y-%m-%d}", hint="Set the clock; use NTP.")
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _print(findings: list[Finding]) -> None:
    table = Table("", "part", Column("finding", overflow="fold"))
    for finding in findings:
        mark = "[green]ok[/green]" if finding.ok else "[red]no[/red]"
        table.add_row(mark, finding.what, finding.detail + (f"\n{finding.hint}" if finding.hint else ""))
    Console().print(table)
