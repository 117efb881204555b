"""The `crosscheck` command line: commands register here, work is done in service/commands."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from models.errors import CrosscheckError
from service.commands import bench, demo, doctor, evaluate, init, model_files, partner, serve, token, watchlist

typer_app = typer.Typer(
    name="crosscheck",
    help="Cross-border biometric identity checks under each partner's own data-handling rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
typer_app.command("init")(init.init)
typer_app.command("serve")(serve.serve)
typer_app.command("demo")(demo.demo)
typer_app.command("doctor")(doctor.doctor)
typer_app.add_typer(model_files.commands, name="models")
typer_app.add_typer(partner.commands, name="partner")
typer_app.add_typer(token.commands, name="token")
typer_app.add_typer(watchlist.commands, name="watchlist")
typer_app.add_typer(bench.commands, name="bench")
typer_app.add_typer(evaluate.evaluate_app, name="evaluate")


def app() -> None:
    """Run one command; an error that we know ends with what to do about it, and status 2."""
    try:
        typer_app()
    except CrosscheckError as error:
        console = Console(stderr=True, highlight=False)
        console.print(f"[red]Error:[/red] {error.detail}", soft_wrap=True)
        console.print(f"[dim]{error.hint}[/dim]", soft_wrap=True)
        sys.exit(2)
