"""`crosscheck audit`: prove the log, export it, sign its head, say by which key, and whose keys countersign."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from service import audit
from service.audit import AuditLog, EventKind, Head, PublicKeys, Receipt
from service.audit.desk import ProvedEntry
from service.audit.entries import Entry
from service.audit.errors import AuditFileInvalid
from service.audit.heads import Heads
from service.audit.parts import ProvedPart
from service.audit.sources import DatabaseLog, FileLog, export
from service.audit.verify import Evidence, Flaw, Report, Verification
from service.audit.witnesses import Witnesses
from service.identity import Caller
from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock
from watchlists.database import writing
from watchlists.feed.signing import key_id

_Found = TypeVar("_Found")
EXPORTER = Caller("", Role.OPERATOR, "crosscheck audit export")
commands = typer.Typer(help="Prove, export and sign the audit log.", no_args_is_help=True, add_completion=False)
witness = typer.Typer(help="Keys that partners countersign heads with.", no_args_is_help=True, add_completion=False)
commands.add_typer(witness, name="witness")

Key = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Public keys of the log, as `audit key` wrote them.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="An exported log; that of the node if left out.")
    ] = None,
    head: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A head that was kept elsewhere.")
    ] = None,
    receipt: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A receipt, or an answer with one.")
    ] = None,
    key: Key = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out signatures of entries that a signed head covers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove the whole log, or name the first bad entry and what is wrong with it; then the status is 1.

    That entries were cut off at the end, with all that told of them, shows only against a head that somebody else has
    kept: give it with --head.
    """
    heads = [_parsed(path, Head.read) for path in head or ()]
    receipts = [_parsed(path, _receipt_in) for path in receipt or ()]
    keys = None if key is None else _keys_in(key)
    now, evidence = datetime.now(UTC), Evidence(heads, receipts)
    if file is not None:
        report = Verification(FileLog(file, keys), now, evidence, quick=quick).run()
    else:
        store = open_store(Settings())
        with store.engine.connect() as connection:
            log = DatabaseLog(connection, store.keys, keys)
            report = Verification(log, now, evidence, quick=quick).run()
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        typer.echo(_text(report, kept=bool(heads), trusted=file is None or keys is not None))
    if report.flaw is not None:
        raise typer.Exit(1)


@commands.command("prove")
def prove(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="As GET /v1/audit/proof/inclusion gave it.")
    ],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Public keys of the log.")],
    receipt: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The receipt that the entry should be of.")
    ] = None,
) -> None:
    """Prove one entry without the node: that it is in the tree of a signed head. If it is not, the status is 1."""
    proved, keys = _parsed(file, ProvedEntry.read), _keys_in(key)
    promised = None if receipt is None else _parsed(receipt, _receipt_in)
    if promised is not None and not promised.is_signed(keys):
        typer.echo("Not proved: the receipt was not signed with that key.")
        raise typer.Exit(1)
    if promised is not None and promised.leaf != proved.entry.leaf.hash():
        typer.echo("Not proved: the entry is not that of the receipt.")
        raise typer.Exit(1)
    if not proved.is_proved(keys):
        typer.echo("Not proved: the entry is not in the tree of the head, or that was not signed with that key.")
        raise typer.Exit(1)
    typer.echo(f"Proved: entry {proved.entry.leaf.number} is in the tree of size {proved.head.size}.")


@commands.command("part")
def prove_part(
    proof: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="As GET /v1/audit/part gave it.")],
    pages: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="All pages of GET /v1/audit/events, in order.")
    ],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Public keys of the log.")],
) -> None:
    """Prove without the node that those are all entries of a partner up to a signed head. If not, the status is 1."""
    proved, keys = _parsed(proof, ProvedPart.read), _keys_in(key)
    entries = [entry for page in pages for entry in _parsed(page, _entries_in)]
    part = proved.part
    if not proved.is_proved(keys):
        typer.echo("Not proved: the head does not commit to this part, or was not signed with that key.")
        raise typer.Exit(1)
    if not proved.is_whole(entry.leaf.hash() for entry in entries):
        typer.echo(f"Not whole: these are not the first {part.size} entries of {part.partner}.")
        raise typer.Exit(1)
    typer.echo(f"Whole: {part.size} entries of {part.partner} up to the head of size {proved.head.size}.")


@commands.command("export")
def export_log(
    file: Annotated[Path, typer.Argument(help="New file.")],
    partner: Annotated[
        list[str] | None, typer.Option(help="Partner whose payloads are written along; once for each.")
    ] = None,
) -> None:
    """Write the whole log to a file that proves itself. Payloads stay out, but for those of the partners named."""
    store = open_store(Settings())
    shown = frozenset(partner or ())
    for name in shown:
        store.partner(name)  # raises for an unknown one, with a hint
    with writing(store.engine) as connection:
        details = {"payloads_of": sorted(shown)}
        audit.record(connection, EventKind.LOG_EXPORTED, EXPORTER, system_clock(), details)
    Heads(store.engine).sign(system_clock())
    with store.engine.connect() as connection:
        entries = export(connection, store.keys, file, lambda entry: _is_of(entry, shown))
    typer.echo(f"Wrote {entries} entries to {file}.")


@commands.command("head")
def head(as_json: AsJson = False) -> None:
    """Sign the log as it is now and print the head. Keep it elsewhere: the log can be held against it for ever."""
    signed = Heads(open_store(Settings()).engine).sign(system_clock())
    if as_json:
        typer.echo(json.dumps(signed.plain()))
    else:
        typer.echo(f"{signed.size} entries, root {signed.root.hex()}, signed {signed.at:%Y-%m-%d %H:%M:%S} UTC")


@commands.command("key")
def key() -> None:
    """Print the public keys of the log as JSON. Whoever verifies gets them from you, not from the log."""
    store = open_store(Settings())
    with store.engine.connect() as connection:
        typer.echo(json.dumps({"keys": dict(AuditLog.of(connection).public_keys(connection))}))


@witness.command("add")
def add_witness(
    partner: Annotated[str, typer.Argument(help="Whose key it is.")],
    public: Annotated[str, typer.Argument(help="Ed25519 public key: 64 hexadecimal digits.")],
) -> None:
    """Register a key that a partner countersigns heads with."""
    store = open_store(Settings())
    store.partner(partner)
    Witnesses(store.engine).add(Caller(partner, Role.OPERATOR, "crosscheck audit witness"), public, system_clock())


@witness.command("withdraw")
def withdraw_witness(
    partner: Annotated[str, typer.Argument(help="Whose key it is.")],
    public: Annotated[str, typer.Argument(help="The public key.")],
) -> None:
    """Accept no more countersignatures of a key; those that there are stay good."""
    store = open_store(Settings())
    actor = Caller(partner, Role.OPERATOR, "crosscheck audit witness")
    Witnesses(store.engine).withdraw(actor, public, system_clock())


def _is_of(entry: Entry, partners: frozenset[str]) -> bool:
    return entry.leaf.partner in partners


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise AuditFileInvalid(f"{file} cannot be read as JSON ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise AuditFileInvalid(f"{file} holds something else")
    return content


def _parsed(file: Path, read: Callable[[dict[str, Any]], _Found]) -> _Found:
    try:
        return read(_read(file))
    except ValueError as error:
        raise AuditFileInvalid(f"{file} cannot be used: {error}") from None


def _receipt_in(content: dict[str, Any]) -> Receipt:
    """Return the receipt that the file is, or that the answer in it has."""
    found = content.get("receipt", content)
    return Receipt.read(found if isinstance(found, dict) else {})


def _entries_in(content: dict[str, Any]) -> list[Entry]:
    """Return the entries of a page."""
    try:
        return [Entry.read(entry) for entry in content["entries"]]
    except (KeyError, TypeError):
        raise ValueError("it holds no entries") from None


def _keys_in(file: Path) -> PublicKeys:
    try:
        return {key_id(str(public)): str(public) for public in _read(file)["keys"].values()}
    except (AttributeError, KeyError):
        raise AuditFileInvalid(f"{file} holds no keys") from None


def _text(report: Report, *, kept: bool, trusted: bool) -> str:
    lines = [f"{report.entries} entries, root {report.root}; {report.heads} signed heads fit."]
    if report.deleted:
        lines.append(f"{report.deleted} payloads were deleted when their time was over.")
    if report.withheld:
        lines.append(f"{report.withheld} payloads are not shown, and nothing is said of them.")
    lines += [f"{partner} has countersigned up to {size}." for partner, size in sorted(report.countersigned.items())]
    if report.flaw is None:
        lines.append("Nothing is wrong with it.")
    else:
        flaw = report.flaw
        lines.append(f"BAD ({flaw.fault}){_place(flaw)}: {flaw.detail}.")
    if not trusted:
        lines.append("The keys were those that the file itself names: give those that you know with --key.")
    if not kept:
        lines.append("Entries cut off at the end show only against a head kept elsewhere: give one with --head.")
    return "\n".join(lines)


def _place(flaw: Flaw) -> str:
    if flaw.first == 0:
        return ""
    if flaw.first == flaw.last:
        return f", first at entry {flaw.first}"
    return f", first at one of the entries {flaw.first} to {flaw.last}"
