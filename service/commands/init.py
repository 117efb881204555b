"""`crosscheck init`: make a data folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from models.weights import ModelStore
from service.commands.model_files import prepare_with_progress
from service.commands.sample import SampleAccess, add_sample
from service.settings import Settings
from service.storage import make_data_folder, open_store, refuse_existing, system_clock
from watchlists.sealing import EnvironmentRootKey

commands = typer.Typer(add_completion=False)


@commands.command()
def init(
    sample: Annotated[bool, typer.Option("--sample", help="Add partners XA and XB, an agreement and tokens.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print tokens and watchlists as JSON.")] = False,
) -> None:
    """Make the data folder CROSSCHECK_HOME: root key, database (or the tables in CROSSCHECK_DATABASE), model files.

    If CROSSCHECK_ROOT_KEY holds a root key, that one is used and none is written.
    """
    settings = Settings()
    refuse_existing(settings)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.home.chmod(0o700)
    prepare_with_progress(ModelStore(settings.models_folder))
    make_data_folder(settings)
    access = SampleAccess({}, {})
    if sample:
        access = add_sample(settings, open_store(settings), system_clock())
    if as_json:
        typer.echo(json.dumps(asdict(access)))
    else:
        _explain(settings, access)


def _explain(settings: Settings, access: SampleAccess) -> None:
    console = Console(highlight=False)
    console.print(f"Made {settings.home}.")
    root = settings.root_key_file if settings.root_key_file.exists() else EnvironmentRootKey.VARIABLE
    console.print(f"Keep a copy of {root} apart from the database: without it nothing can be read.")
    for name, token in access.tokens.items():
        console.print(f"  {name:12} {token}")
    console.print("Next: crosscheck serve")
