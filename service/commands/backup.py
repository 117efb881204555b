"""`crosscheck backup`: everything but the keys into a folder, the keys into a file apart, while the service runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from service.backups import back_up
from service.commands.progress import progress_bars
from service.settings import Settings

commands = typer.Typer(add_completion=False)


@commands.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="New folder for the data.")],
    keys: Annotated[
        Path, typer.Option(dir_okay=False, help="File for the keys of owners, in place of that of the last backup.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a backup of database and agreements while the service runs, and verify it.

    Keep three things in three places: the folder, the key file and the root key. Any two of them open nothing. Keep the
    newest key file alone: older ones would bring back what was withdrawn.
    """
    for place in (folder, keys):
        if not place.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {place.absolute().parent}; make it first")
    with progress_bars() as progress:
        made = back_up(Settings(), folder, keys, progress)
    manifest = made.manifest
    rows = sum(manifest.rows.values())
    if as_json:
        size = sum(file.size for file in manifest.files.values())
        counts = {"entries": manifest.rows["entries"], "rows": rows, "bytes": size, "unreadable": made.unreadable}
        moment = {"made_at": manifest.made_at.isoformat(), "last_sequence": manifest.last_sequence}
        typer.echo(json.dumps(moment | counts))
    else:
        typer.echo(f"Backup of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC in {folder}, verified.")
        typer.echo(f"{manifest.rows['entries']} entries, {rows} rows, last change {manifest.last_sequence}.")
        typer.echo(f"Keep {keys} and the root key apart from it and from each other, and delete all older key files.")
    if made.unreadable:
        typer.echo(
            f"{made.unreadable} entries do not open, here as in the backup: run `crosscheck doctor --deep`.", err=True
        )
        raise typer.Exit(1)
