"""`crosscheck user`: the people of partners who sign in."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock
from service.users.names import UserId
from service.users.people import make_people
from service.users.place import Place
from service.users.register import INVITED_FOR, Register

DEVELOPMENT = "http://localhost:8000"
commands = typer.Typer(
    help="Add, invite, disable and sign out the people of partners.", no_args_is_help=True, add_completion=False
)

Name = Annotated[str, typer.Argument(help="Partner and name of the user, such as xa/ada.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command("add")
def add(
    user: Name,
    roles: Annotated[list[Role], typer.Argument(help="What it may do: reviewer, auditor, or both.")],
    authority: Annotated[str, typer.Option(help="Authority that it belongs to, such as border-guard.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a user, and print a link to choose a password and a second factor with, once: only its hash is kept."""
    settings = Settings()
    store = open_store(settings)
    named = UserId.parse(user)
    store.partner(named.partner)  # raises for an unknown one, with a hint
    code = _register(settings).add(named, roles, authority)
    _print_link(settings, named, code, as_json=as_json)


@commands.command("invite")
def invite(user: Name, as_json: AsJson = False) -> None:
    """Print a new link, which voids the one before and the password; a second factor stays, and is asked for."""
    settings = Settings()
    named = UserId.parse(user)
    _print_link(settings, named, _register(settings).invite(named), as_json=as_json)


@commands.command("reset-second-factor")
def reset_second_factor(user: Name, as_json: AsJson = False) -> None:
    """Remove all second factors and the password, and print a link to set up others. Be sure who asks for it."""
    settings = Settings()
    named = UserId.parse(user)
    _print_link(settings, named, _register(settings).reset_second_factor(named), as_json=as_json)


@commands.command("disable")
def disable(user: Name) -> None:
    """Let a user in no more, and end its sessions at once."""
    _register(Settings()).disable(UserId.parse(user))


@commands.command("enable")
def enable(user: Name) -> None:
    """Let a disabled user in again; one without password or second factor needs a link (invite)."""
    named = UserId.parse(user)
    typer.echo(f"{named} is {_register(Settings()).enable(named)}")


@commands.command("sessions")
def sessions(user: Name, as_json: AsJson = False) -> None:
    """List where a user is signed in."""
    rows = [
        {
            "session": record.session_id[:12],
            "second_factor": record.factor.value,
            "begun_at": record.begun_at.isoformat(timespec="seconds"),
            "seen_at": record.seen_at.isoformat(timespec="seconds"),
        }
        for record in _register(Settings()).sessions(UserId.parse(user))
    ]
    _print_table(rows, ("session", "second factor", "begun at", "seen at"), as_json=as_json)


@commands.command("sign-out")
def sign_out(user: Name, as_json: AsJson = False) -> None:
    """End all sessions of a user."""
    ended = _register(Settings()).sign_out(UserId.parse(user))
    typer.echo(json.dumps({"sessions": ended}) if as_json else f"ended: {ended}")


@commands.command("list")
def list_users(
    partner: Annotated[str | None, typer.Option(help="Of this partner alone.")] = None, as_json: AsJson = False
) -> None:
    """List users, what they may do, and what they sign in with."""
    rows = [
        {
            "user": str(user.id),
            "roles": " ".join(user.roles),
            "authority": user.authority,
            "state": user.state.value,
            "app": "yes" if user.has_totp else "no",
            "passkeys": str(user.passkeys),
            "added_at": user.added_at.isoformat(timespec="seconds"),
            "invited_until": user.invited_until.isoformat(timespec="seconds") if user.invited_until else "",
        }
        for user in _register(Settings()).all(partner)
    ]
    heads = ("user", "roles", "authority", "state", "app", "passkeys", "added at", "invited until")
    _print_table(rows, heads, as_json=as_json)


def _register(settings: Settings) -> Register:
    return make_people(open_store(settings), system_clock, settings.answer_within).register


def _print_link(settings: Settings, user: UserId, code: str, *, as_json: bool) -> None:
    origin = Place.of_origin(settings.desk_origin or DEVELOPMENT).origin
    link = f"{origin}/enrol/{code}"
    if as_json:
        until = system_clock() + INVITED_FOR
        typer.echo(json.dumps({"user": str(user), "link": link, "until": until.isoformat(timespec="seconds")}))
        return
    hours = INVITED_FOR // timedelta(hours=1)
    typer.echo(link)
    Console(stderr=True, highlight=False).print(
        f"Hand this link to {user} and to nobody else, not by mail that others read. It works once, for {hours} hours."
    )


def _print_table(rows: list[dict[str, str]], heads: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(*heads)
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)
