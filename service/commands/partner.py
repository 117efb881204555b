"""`crosscheck partner`: the states and agencies that this node knows."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.identity import InvalidName
from service.settings import Settings
from service.storage import open_store
from watchlists.records import Partner

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

commands = typer.Typer(help="Add and list partners.", no_args_is_help=True, add_completion=False)


@commands.command("add")
def add(
    partner: Annotated[str, typer.Argument(help="Short lower-case code, such as xa.")],
    name: Annotated[str, typer.Argument(help="Full name.")],
) -> None:
    """Add a partner; it gets a key of its own, under which everything it owns is sealed."""
    if not CODE.fullmatch(partner):
        raise InvalidName("a partner's code is lower-case letters, digits and single dashes, as agreements name it")
    store = open_store(Settings())
    if partner in {known.id for known in store.partners()}:
        raise InvalidName(f"there is a partner {partner} already")
    store.add_partner(Partner(partner, name))


@commands.command("list")
def list_partners(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the partners."""
    partners = open_store(Settings()).partners()
    if as_json:
        typer.echo(json.dumps([{"partner": partner.id, "name": partner.name} for partner in partners]))
        return
    table = Table("partner", "name")
    for partner in partners:
        table.add_row(partner.id, partner.name)
    Console().print(table)
