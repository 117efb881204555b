"""`crosscheck token`: bearer tokens for terminals, sync clients, reviewers, auditors and operators, for development."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.identity import Caller, TokenRegister
from service.roles import Role
from service.settings import Settings
from service.storage import open_store

commands = typer.Typer(
    help="Issue, revoke and list tokens: for development. Machines sign (`crosscheck terminal`).",
    no_args_is_help=True,
    add_completion=False,
)
MARK = """For development only: whoever sees it has it, so over a network it is refused, unless CROSSCHECK_BEARER_TOKENS
allows it. Machines sign their requests: `crosscheck terminal add`."""


@commands.command("issue")
def issue(
    partner: Annotated[str, typer.Argument(help="The partner in whose name its bearer acts.")],
    role: Annotated[Role, typer.Argument(help="What its bearer may do.")],
    name: Annotated[str, typer.Argument(help="Who or what bears it, such as xa-gate-07.")],
    authority: Annotated[str, typer.Option(help="Authority that its bearer belongs to, such as border-guard.")] = "",
) -> None:
    """Issue a token and print it, once: only its hash is kept."""
    store = open_store(Settings())
    store.partner(partner)  # raises for an unknown one, with a hint
    typer.echo(TokenRegister(store.engine).issue(Caller(partner, role, name, authority), datetime.now(UTC)))
    typer.echo(MARK, err=True)


@commands.command("revoke")
def revoke(name: Annotated[str, typer.Argument(help="The name it was issued to.")]) -> None:
    """Void a token at once."""
    TokenRegister(open_store(Settings()).engine).revoke(name, datetime.now(UTC))


@commands.command("list")
def list_tokens(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List tokens by name; the tokens themselves are kept nowhere."""
    rows = [
        {
            "name": record.caller.name,
            "partner": record.caller.partner,
            "country": record.caller.country,
            "role": record.caller.role.value,
            "authority": record.caller.authority,
            "issued_at": record.issued_at.isoformat(timespec="seconds"),
            "revoked_at": record.revoked_at.isoformat(timespec="seconds") if record.revoked_at else None,
        }
        for record in TokenRegister(open_store(Settings()).engine).all()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("name", "partner", "country", "role", "authority", "issued at", "revoked at")
    for row in rows:
        table.add_row(*(value or "" for value in row.values()))
    Console().print(table)
