"""`crosscheck restore`: put a backup in place of what there is, all of it or nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service.backups import Restore
from service.commands.progress import progress_bars
from service.settings import Settings

commands = typer.Typer(add_completion=False)


@commands.command()
def restore(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of the backup.")],
    keys: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Newest key file.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace the data that there is.")] = False,
    leave_out_lost: Annotated[
        bool, typer.Option("--leave-out-lost", help="Go on without entries whose keys were destroyed.")
    ] = False,
    keep_tokens: Annotated[
        bool, typer.Option("--keep-tokens", help="Leave tokens in force, also those that were revoked since.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Restore a backup to CROSSCHECK_HOME and CROSSCHECK_DATABASE, of either kind. The root key has to be there.

    Stop all processes of the service first. Everything is verified before anything is changed.
    """
    with progress_bars() as progress:
        restored = Restore(
            Settings(), progress, replace=replace, leave_out_lost=leave_out_lost, keep_tokens=keep_tokens
        ).run(folder, keys)
    if as_json:
        typer.echo(json.dumps(asdict(restored), default=str))
        return
    typer.echo(f"Restored the backup of {restored.made_at:%Y-%m-%d %H:%M:%S} UTC: {restored.entries} entries.")
    if restored.left_out:
        typer.echo(f"{restored.left_out} entries were left out: their keys are gone, and the log says withdrawn.")
    if restored.unreadable:
        typer.echo(f"At least {restored.unreadable} entries do not open.")
    typer.echo("Now run `crosscheck models prepare` and `crosscheck doctor --deep`, then start the service.")
    if keep_tokens:
        typer.echo("Tokens that were revoked after the backup are in force again: see `crosscheck token list`.")
    else:
        typer.echo(f"{restored.tokens_revoked} tokens were revoked: issue new ones with `crosscheck token issue`.")
    typer.echo("What was withdrawn after the backup is here again: have its owners withdraw it again.")
    typer.echo("So are authorisations withdrawn, emergencies ended and agreements changed since: go through all three.")
    typer.echo("Partners that follow feeds of this node refuse them as rolled back: agree with them to pin anew.")
