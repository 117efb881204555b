"""`crosscheck models`: the model files that the service computes with."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.face import FaceEncoder
from models.fingerprint.matcher import warm_up
from models.weights import ModelStore
from service.commands.progress import progress_bars
from service.settings import Settings
from watchlists.gallery import choosing, glance

commands = typer.Typer(help="Prepare and list the model files.", no_args_is_help=True, add_completion=False)


@commands.command("prepare")
def prepare() -> None:
    """Build the model files from the installed packages, once; files that are right are left alone."""
    prepare_with_progress(ModelStore(Settings().models_folder))


@commands.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show each model file: version, licence, hash; and what face scores are calibrated on."""
    store = ModelStore(Settings().models_folder)
    encoder = FaceEncoder(store)
    calibration = encoder.calibration.source
    if as_json:
        files = [asdict(file) for file in store.entries()]
        typer.echo(json.dumps({"files": files, "embedding": encoder.model, "calibration": calibration}))
        return
    table = Table("model", "version", "for", "licence", "SHA-256")
    for file in store.entries():
        table.add_row(file.name, file.version, file.purpose, file.licence, file.sha256)
    console = Console()
    console.print(table)
    console.print(f"Face embedding {encoder.model}, {encoder.dimension} numbers. Calibrated on: {calibration}")


def prepare_with_progress(store: ModelStore) -> None:
    """Prepare the model files and compile the kernels, with progress on standard error.

    Raises:
        ModelFileError: a package that holds a source file is missing or holds another file.
    """
    with progress_bars() as tell:
        store.prepare(lambda _what, share: tell("model files", round(share * 100), 100))
        tell("fingerprint kernels, about a minute the first time", 0, 0)
        warm_up()
        choosing.warm_up()
        glance.warm_up()
