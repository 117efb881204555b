"""Opening a data folder: database, tables, keys. Needs none of the models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from service import (  # the schema: whoever opens the database must know all of its tables
    errors,
    schema,  # noqa: F401
)
from service.settings import Settings
from watchlists import migrations
from watchlists.database import open_database
from watchlists.keys import KeyRing
from watchlists.sealing import FileRootKey
from watchlists.store import Store


def system_clock() -> datetime:
    return datetime.now(UTC)


def open_store(settings: Settings, clock: Callable[[], datetime] = system_clock) -> Store:
    """Open the data folder's database, bring its tables up to date and unlock its keys.

    Raises:
        DataFolderMissing: there is no data folder yet.
        RootKeyUnusable: the root key is missing, unreadable or not the one the data was sealed with.
    """
    if not settings.database_file.exists():
        raise errors.DataFolderMissing(f"{settings.home} is not a Crosscheck data folder")
    engine = open_database(settings.database_file)
    migrations.upgrade(engine)
    keys = KeyRing(engine, FileRootKey.load(settings.root_key_file))
    keys.verify()
    return Store(engine, keys, clock)
