"""The `crosscheck` command line: a command, and the models behind it, load only when that command is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final, NamedTuple

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from models.errors import CrosscheckError


class Entry(NamedTuple):
    """Where a command is defined, as `commands` of a module, and what the overview says of it."""

    module: str
    help: str


COMMANDS: Final = {
    "demo": Entry("demo", "Enrol real portraits and fingerprints, and check two people over HTTP."),
    "init": Entry("init", "Make a data folder."),
    "serve": Entry("serve", "Serve the API."),
    "doctor": Entry("doctor", "Check that everything is there and sound; say what to fix."),
    "models": Entry("model_files", "Prepare and list the model files."),
    "partner": Entry("partner", "Add and list partners."),
    "user": Entry("user", "Add, invite, disable and sign out the people of partners."),
    "terminal": Entry("terminal", "Register and revoke the keys of terminals and other machines."),
    "token": Entry("token", "Issue, revoke and list bearer tokens, for development."),
    "backup": Entry("backup", "Back up database and agreements while the service runs."),
    "restore": Entry("restore", "Put a backup in place of what there is."),
    "key": Entry("key", "Rotate the key of a partner, or change the root key."),
    "feed": Entry("feed", "Publish watchlists to other nodes, and follow theirs."),
    "sync": Entry("sync", "Pull the feeds of other nodes."),
    "audit": Entry("audit", "Prove, export and sign the audit log."),
    "webhook": Entry("webhook", "Bring partners their notices by webhook, and show what became of them."),
    "watchlist": Entry("watchlist", "Write, list and withdraw a partner's own entries."),
    "agreements": Entry("agreements", "Check agreements, explain what they lead to, list those of this node."),
    "evaluate": Entry("evaluate", "Measure accuracy on labelled samples (ISO/IEC 19795-1)."),
    "bench": Entry("bench", "Measure speed and accuracy end to end on this machine."),
}


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and loads the one that is called."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: Any, name: str) -> Any:
        """Return what the overview and the search for similar names need."""
        return TyperCommand(name, help=COMMANDS[name].help) if name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command itself."""
        if args[0] not in COMMANDS:
            return super().resolve_command(ctx, args)
        module = importlib.import_module(f"service.commands.{COMMANDS[args[0]].module}")
        command = typer.main.get_command(module.commands)
        command.name = args[0]
        return args[0], command, args[1:]


typer_app = typer.Typer(name="crosscheck", cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


@typer_app.callback()
def crosscheck() -> None:
    """Cross-border biometric identity checks under each partner's own data-handling rules."""


def app() -> None:
    """Run one command; an error that we know ends with what to do about it, and status 2."""
    try:
        typer_app()
    except CrosscheckError as error:
        _fail(error.detail, error.hint)
    except ValidationError as error:  # only settings are validated outside of requests
        names = ", ".join("CROSSCHECK_" + str(item["loc"][0]).upper() for item in error.errors(include_input=False))
        _fail(f"{names} cannot be used: {error.errors()[0]['msg']}", "Correct or unset the environment variable.")


def _fail(detail: str, hint: str) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(f"[red]Error:[/red] {escape(detail)}", soft_wrap=True)
    console.print(escape(hint), soft_wrap=True)
    sys.exit(2)
