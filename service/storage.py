"""Making and opening a data folder: database, tables, keys. Needs none of the models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from service import (  # the schema: whoever opens the database must know all of its tables
    errors,
    schema,  # noqa: F401
)
from service.audit import open_log
from service.settings import Settings
from watchlists import migrations
from watchlists.database import UNAVAILABLE, open_database
from watchlists.keys import KeyRing
from watchlists.sealing import EnvironmentRootKey, FileRootKey, LocalRootKey, RootKey
from watchlists.store import Store


def system_clock() -> datetime:
    return datetime.now(UTC)


def make_data_folder(settings: Settings) -> None:
    """Make the data folder, and the tables in an empty database; a new root key too if the environment gives none.

    Raises:
        DataFolderExists: there is one already, or the database belongs to another.
        RootKeyUnusable: CROSSCHECK_ROOT_KEY is set and holds no key.
        DatabaseAway: the database server cannot be reached, or does not let us in.
    """
    refuse_existing(settings)
    given = _given_root_key(settings)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.agreements_folder.mkdir(exist_ok=True)
    root = given or FileRootKey.create(settings.root_key_file)
    with opened(settings) as engine:
        migrations.upgrade(engine)
        KeyRing(engine, root).verify()
        engine.dispose()


def refuse_existing(settings: Settings) -> None:
    """Raise DataFolderExists if there is a data folder already, or something in the database."""
    place = settings.database_place
    if settings.root_key_file.exists() or (isinstance(place, Path) and place.exists()):
        raise errors.DataFolderExists(f"{settings.home} is a data folder already")
    if isinstance(place, Path):
        return
    with opened(settings) as engine:
        used = migrations.has_tables(engine)
        engine.dispose()
    if used:
        hint = "Point CROSSCHECK_DATABASE to an empty database, or CROSSCHECK_HOME to a copy of that data folder."
        raise errors.DataFolderExists("the database belongs to another data folder", hint=hint)


def open_store(settings: Settings, clock: Callable[[], datetime] = system_clock, root: RootKey | None = None) -> Store:
    """Open the data folder's database, bring its tables up to date and unlock its keys.

    Args:
        settings: of the node.
        clock: the time that changes are dated with; aware.
        root: the root key; None for that of the settings.

    Raises:
        DataFolderMissing: there is no data folder yet, or its database is empty.
        DataFolderDamaged: the database file is none.
        DatabaseAway: the database server cannot be reached, or does not let us in.
        RootKeyUnusable: the root key is missing, unreadable or not the one the data was sealed with.
        RestoreUnfinished: a restore was broken off.
    """
    _require_restored(settings)
    place = settings.database_place
    if not (place if isinstance(place, Path) else settings.home).exists():
        raise errors.DataFolderMissing(f"{settings.home} is not a Crosscheck data folder")
    root = root or load_root_key(settings)
    with opened(settings) as engine:
        if not migrations.has_tables(engine):  # not to be made here: it may be the wrong one
            raise errors.DataFolderMissing("the database has no tables of Crosscheck")
        migrations.upgrade(engine)
        keys = KeyRing(engine, root)
        keys.verify()
        open_log(engine, keys, clock())
    return Store(engine, keys, clock)


def load_root_key(settings: Settings) -> LocalRootKey:
    """Return the root key: the one that the environment gives, or else the one in the data folder.

    Raises:
        RootKeyUnusable: there is none, it is damaged, or others can read it.
    """
    return _given_root_key(settings) or FileRootKey.load(settings.root_key_file)


def _given_root_key(settings: Settings) -> LocalRootKey | None:
    text = settings.root_key.get_secret_value()
    return EnvironmentRootKey.read(text) if text else None


def pending_restore(settings: Settings) -> Path:
    """Return the folder that is there while a backup is being restored."""
    return settings.home / "restore.pending"


def _require_restored(settings: Settings) -> None:
    if pending_restore(settings).exists():
        raise errors.RestoreUnfinished(f"a backup is being restored to {settings.home}, or that was broken off")


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """Open the database, and say what is wrong if it turns out in the block that it cannot be used."""
    place = settings.database_place
    engine = open_database(place)
    try:
        yield engine
    except UNAVAILABLE as error:
        if isinstance(place, Path):
            raise  # locked by others, or not to be opened: nothing is damaged
        reason = getattr(error, "orig", None) or error
        raise errors.DatabaseAway(f"the database cannot be used: {str(reason).strip()}") from None
    except DatabaseError as error:
        if isinstance(place, Path):
            raise errors.DataFolderDamaged(f"{place} cannot be read as a database") from error
        raise
