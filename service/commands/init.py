"""`crosscheck init`: make a data folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from models.errors import CrosscheckError
from models.weights import ModelStore
from service.commands.model_files import prepare_with_progress
from service.commands.sample import SampleAccess, add_sample
from service.settings import Settings
from service.storage import open_store, system_clock
from watchlists import migrations
from watchlists.database import open_database
from watchlists.keys import KeyRing
from watchlists.sealing import FileRootKey


class DataFolderExists(CrosscheckError):
    slug = "data-folder-exists"
    hint = "Choose another CROSSCHECK_HOME; an existing data folder is never overwritten."


commands = typer.Typer(add_completion=False)


@commands.command()
def init(
    sample: Annotated[bool, typer.Option("--sample", help="Add partners XA and XB, an agreement and tokens.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print tokens and watchlists as JSON.")] = False,
) -> None:
    """Make the data folder CROSSCHECK_HOME: root key, database, agreements, model files."""
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


def refuse_existing(settings: Settings) -> None:
    """Raise DataFolderExists if there is a data folder already."""
    if settings.database_file.exists() or settings.root_key_file.exists():
        raise DataFolderExists(f"{settings.home} is a data folder already")


def make_data_folder(settings: Settings) -> None:
    """Make the data folder with a new root key and an empty database.

    Raises:
        DataFolderExists: there is one already.
    """
    refuse_existing(settings)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.agreements_folder.mkdir(exist_ok=True)
    root = FileRootKey.create(settings.root_key_file)
    engine = open_database(settings.database_file)
    migrations.upgrade(engine)
    KeyRing(engine, root).verify()
    engine.dispose()


def _explain(settings: Settings, access: SampleAccess) -> None:
    console = Console(highlight=False)
    console.print(f"Made {settings.home}.")
    console.print(f"Keep a copy of {settings.root_key_file} apart from the database: without it nothing can be read.")
    for name, token in access.tokens.items():
        console.print(f"  {name:12} {token}")
    console.print("Next: crosscheck serve")
