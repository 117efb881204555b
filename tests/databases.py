"""Databases for tests, of both kinds. A module whose tests run on both says `ON_BOTH_DATABASES = True`."""

from __future__ import annotations

import shutil
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from sqlalchemy import URL

import service.schema  # noqa: F401 -- declares its tables, as every process of the service does
from tests.postgresql import Server
from watchlists import migrations
from watchlists.database import open_database

KINDS = ("sqlite", "postgresql")


class Databases(Hashable, Protocol):
    """Makes databases of one kind."""

    def empty(self, folder: Path, /) -> Path | URL:
        """Return where a new, empty database of the data folder `folder` is."""
        ...

    def migrated(self, folder: Path, /) -> Path | URL:
        """Return where a new database is that may have its tables already."""
        ...

    def copy(self, made: Path | URL, folder: Path, /) -> Path | URL:
        """Return where a new database of the data folder `folder` is: a copy of one that nobody is connected to."""
        ...


@dataclass(frozen=True)
class Files:
    """SQLite: a file in the data folder."""

    def empty(self, folder: Path) -> Path | URL:
        return folder / "crosscheck.db"

    def migrated(self, folder: Path) -> Path | URL:
        place = folder / "crosscheck.db"
        place.write_bytes(_migrated_file())
        return place

    def copy(self, made: Path | URL, folder: Path) -> Path | URL:
        assert isinstance(made, Path)
        return Path(shutil.copy(made, folder / "crosscheck.db"))


@cache
def _migrated_file() -> bytes:
    """A new database of SQLite with its tables: to copy it is faster than to make it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "migrated.db"
        engine = open_database(file)
        migrations.upgrade(engine)
        engine.dispose()
        return file.read_bytes()


class OnServer:
    """PostgreSQL: a database for each data folder. To copy one with tables is faster than to make them."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def empty(self, _folder: Path) -> Path | URL:
        return self.server.new_database()

    def migrated(self, _folder: Path) -> Path | URL:
        return self.copy(self._template, _folder)

    def copy(self, made: Path | URL, _folder: Path) -> Path | URL:
        assert isinstance(made, URL)
        return self.server.new_database(made)

    @cached_property
    def _template(self) -> URL:
        url = self.server.new_database()
        engine = open_database(url)
        migrations.upgrade(engine)
        engine.dispose()  # a database that somebody is connected to cannot be copied
        return url
