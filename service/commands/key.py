"""`crosscheck key`: rotate the key of an owner, or change the root key."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from service.commands.progress import progress_bars
from service.keys import RootChanged, change_root_key, rotate_owner_key
from service.settings import Settings
from service.storage import open_store
from watchlists.rotation import Rotated
from watchlists.sealing import EnvironmentRootKey

commands = typer.Typer(help="Rotate keys.", no_args_is_help=True, add_completion=False)


@commands.callback()
def key() -> None:
    """Rotate keys."""


@commands.command("rotate")
def rotate(
    owner: Annotated[str | None, typer.Option(help="Partner whose key is to be rotated.")] = None,
    root: Annotated[bool, typer.Option("--root", help="Change the root key.")] = False,
    new_root_key: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File of the new root key; made if it is missing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rotate a key while the service runs. Broken off, at whatever point, it is finished by the same command.

    With --owner: a new key for everything that partner owns; the old one is destroyed. What was withdrawn before then
    opens nowhere any more, in no backup either, once older key files are deleted. Make a backup afterwards.

    With --root: the keys of all partners are wrapped by a new root key. Restart all processes of the service then.
    """
    if (owner is None) != root or (new_root_key is not None) != root:
        raise typer.BadParameter("give --owner PARTNER, or --root with --new-root-key FILE")
    if owner is not None:
        rotated = _rotate_owner(owner)
        typer.echo(json.dumps(asdict(rotated)) if as_json else _owner_report(rotated))
    elif new_root_key is not None:
        changed = change_root_key(Settings(), new_root_key)
        typer.echo(json.dumps(asdict(changed)) if as_json else _root_report(changed, new_root_key))


def _rotate_owner(owner: str) -> Rotated:
    store = open_store(Settings())
    with progress_bars() as progress:
        return rotate_owner_key(store, owner, partial(progress, f"entries of {owner}"))


def _owner_report(rotated: Rotated) -> str:
    begun = "finished, which had been broken off" if rotated.resumed else "done"
    lines = [
        f"Rotation {begun}: the key of {rotated.owner} is generation {rotated.generation}, the old one is destroyed.",
        f"Wrapped anew: {rotated.entries} entries, {rotated.values} other values.",
    ]
    if rotated.lost:
        lines.append(f"{rotated.lost} other values could not be carried over and never open again.")
    if not rotated.wiped:
        lines.append("Bytes of the old key are still in files of the database; the next withdrawal wipes them.")
    lines.append("Now make a backup with a new key file (crosscheck backup), and delete all older key files.")
    return "\n".join(lines)


def _root_report(changed: RootChanged, file: Path) -> str:
    lines = [f"The keys of owners are wrapped by the root key in {file} ({changed.keys} wrapped anew)."]
    if changed.installed is None:
        lines.append(f"Put it into your secret store as {EnvironmentRootKey.VARIABLE}.")
    else:
        lines.append(f"{changed.installed} holds it now. Keep {file} as its copy, apart from the database.")
    lines.append("Restart all processes of the service: they go on with the old one until then.")
    lines.append("Make a backup with a new key file, and destroy every copy of the old root key.")
    return "\n".join(lines)
