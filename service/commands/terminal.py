"""`crosscheck terminal`: keys by which terminals and other machines are known."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.identity import Caller
from service.machines.errors import KeyUnusable
from service.machines.keys import PublicKey, make_key_file
from service.machines.register import KeyKind, MachineRegister
from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock

commands = typer.Typer(
    help="Register and revoke the keys of terminals and other machines.", no_args_is_help=True, add_completion=False
)

Partner = Annotated[str, typer.Argument(help="The partner in whose name it acts.")]
Name = Annotated[str, typer.Argument(help="Name of the machine, such as xa-gate-07.")]
KeyFile = Annotated[Path | None, typer.Option("--key", help="Its public key (PEM, Ed25519); - reads standard input.")]
CertificateFile = Annotated[
    Path | None, typer.Option("--certificate", help="Or its certificate (PEM), which a trusted proxy passes on.")
]


@commands.command("key")
def key(file: Annotated[Path, typer.Argument(dir_okay=False, help="File to make; nobody else can read it.")]) -> None:
    """Make a key pair, on the machine that will use it: the private key in FILE, the public one in FILE.pub."""
    try:
        typer.echo(make_key_file(file).keyid)
    except FileExistsError:
        raise KeyUnusable(f"{file} or {file}.pub exists", hint="Choose another name: no key is overwritten.") from None


@commands.command("add")
def add(
    partner: Partner,
    role: Annotated[Role, typer.Argument(help="What it may do.")],
    name: Name,
    key: KeyFile = None,
    certificate: CertificateFile = None,
    authority: Annotated[str, typer.Option(help="Authority that it belongs to, such as border-guard.")] = "",
) -> None:
    """Register a machine by its public key or its certificate, and print the id of the key."""
    store = open_store(Settings())
    store.partner(partner)  # raises for an unknown one, with a hint
    kind, public = _given(key, certificate)
    MachineRegister(store.engine).add(Caller(partner, role, name, authority), kind, public, system_clock())
    typer.echo(public.keyid)


@commands.command("rotate")
def rotate(partner: Partner, name: Name, key: KeyFile = None, certificate: CertificateFile = None) -> None:
    """Give a machine a second key. Both are good until `revoke --keyid` ends the first."""
    kind, public = _given(key, certificate)
    MachineRegister(open_store(Settings()).engine).rotate(partner, name, kind, public, system_clock())
    typer.echo(public.keyid)


@commands.command("revoke")
def revoke(
    partner: Partner,
    name: Name,
    keyid: Annotated[str | None, typer.Option(help="Only this key of it.")] = None,
) -> None:
    """Void the keys of a machine at once. They never come back."""
    MachineRegister(open_store(Settings()).engine).revoke(partner, name, keyid, system_clock())


@commands.command("list")
def list_machines(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List machines and their keys."""
    rows = [
        {
            "name": key.caller.name,
            "partner": key.caller.partner,
            "role": key.caller.role.value,
            "authority": key.caller.authority,
            "kind": key.kind.value,
            "keyid": key.keyid,
            "added_at": key.added_at.isoformat(timespec="seconds"),
            "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
        }
        for key in MachineRegister(open_store(Settings()).engine).all()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("name", "partner", "role", "authority", "by", "key", "added at", "revoked at")
    for row in rows:
        table.add_row(*((value or "")[:25] for value in row.values()))
    Console().print(table)


def _given(key: Path | None, certificate: Path | None) -> tuple[KeyKind, PublicKey]:
    given = [file for file in (key, certificate) if file is not None]
    if len(given) != 1:
        raise KeyUnusable("give one of --key and --certificate")
    content = sys.stdin.buffer.read() if str(given[0]) == "-" else given[0].read_bytes()
    if key is not None:
        return KeyKind.SIGNATURE, PublicKey.of_pem(content)
    return KeyKind.CERTIFICATE, PublicKey.of_certificate(content)
