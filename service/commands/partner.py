"""`crosscheck partner`: the states and agencies that this node knows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service import audit
from service.audit import EventKind
from service.identity import CODE, Caller, InvalidName
from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock
from watchlists.records import Partner

LONGEST_NAME = 200
commands = typer.Typer(help="Add and list partners.", no_args_is_help=True, add_completion=False)


Country = Annotated[
    str,
    typer.Option(help="Code of the state it acts for, such as xa: exclusions of a state go by it."),
]


@commands.command("add")
def add(
    partner: Annotated[str, typer.Argument(help="Short lower-case code, such as xa.")],
    name: Annotated[str, typer.Argument(help="Full name.")],
    country: Country,
) -> None:
    """Add a partner; it gets a key of its own, under which everything it owns is sealed."""
    _check_codes(partner, country)
    if len(name) > LONGEST_NAME:
        raise InvalidName(f"the name of a partner has at most {LONGEST_NAME} characters")
    store = open_store(Settings())
    if partner in {known.id for known in store.partners()}:
        raise InvalidName(f"there is a partner {partner} already")
    with store.writing() as write:
        write.add_partner(Partner(partner, name, country))
        actor = Caller(partner, Role.OPERATOR, "crosscheck partner add")
        audit.record(write.connection, EventKind.PARTNER_ADDED, actor, system_clock(), {"country": country})


@commands.command("country")
def change_country(partner: Annotated[str, typer.Argument(help="Its code.")], country: Country) -> None:
    """Correct the state that a partner acts for; it counts from the next check on."""
    _check_codes(country)
    store = open_store(Settings())
    before = store.partner(partner)
    with store.writing() as write:
        write.add_partner(replace(before, country=country))
        actor = Caller(partner, Role.OPERATOR, "crosscheck partner country")
        details = {"country": country, "before": before.country}
        audit.record(write.connection, EventKind.PARTNER_CHANGED, actor, system_clock(), details)


def _check_codes(*codes: str) -> None:
    if not all(CODE.fullmatch(code) for code in codes):
        raise InvalidName("the code of a partner or country is lower-case letters, digits and single dashes")


@commands.command("list")
def list_partners(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the partners."""
    partners = open_store(Settings()).partners()
    if as_json:
        rows = [{"partner": partner.id, "name": partner.name, "country": partner.country} for partner in partners]
        typer.echo(json.dumps(rows))
        return
    table = Table("partner", "name", "country")
    for partner in partners:
        table.add_row(partner.id, partner.name, partner.country)
    Console().print(table)
