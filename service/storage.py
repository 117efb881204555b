"""Opening a data folder: database, tables, keys. Needs none of the models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.exc import DatabaseError, OperationalError

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
        DataFolderDamaged: the database file is none.
        RootKeyUnusable: the root key is missing, unreadable or not the one the data was sealed with.
    """
    if not settings.database_file.exists():
        raise errors.DataFolderMissing(f"{settings.home} is not a Crosscheck data folder")
    engine = open_database(settings.database_file)
    try:
        migrations.upgrade(engine)
    except OperationalError:
        raise  # locked by others, or not to be opened: nothing is damaged
    except DatabaseError as error:
        raise errors.DataFolderDamaged(f"{settings.database_file} cannot be read as a database") from error
    keys = KeyRing(engine, FileRootKey.load(settings.root_key_file))
    keys.verify()
    return Store(engine, keys, clock)
