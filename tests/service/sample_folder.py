"""A data folder with the sample partners, as `crosscheck init --sample` makes it: made once, copied for each node."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL

from service.commands.sample import SampleAccess, add_sample
from service.settings import Settings
from service.storage import make_data_folder, open_store, system_clock
from tests.databases import Databases


@dataclass(frozen=True)
class SampleFolder:
    """A data folder that nobody uses, with a database of some kind."""

    folder: TemporaryDirectory[str]  # gone with this object
    place: Path | URL
    made: SampleAccess
    databases: Databases

    @property
    def access(self) -> SampleAccess:
        """What is needed to use a copy."""
        return deepcopy(self.made)

    def copy(self, home: Path) -> str:
        """Make `home` a copy with a database of its own; return the setting that says where that is."""
        shutil.copytree(self.folder.name, home, ignore=shutil.ignore_patterns("crosscheck.db*"))
        return database_setting(self.databases.copy(self.place, home))


@cache
def sample_folder(databases: Databases) -> SampleFolder:
    """Return the data folder of this process that others are copied from."""
    folder = TemporaryDirectory(prefix="crosscheck-sample-")
    home = Path(folder.name)
    place = databases.empty(home)
    settings = Settings(home=home, database=database_setting(place))  # type: ignore[arg-type]  # pydantic converts
    make_data_folder(settings)
    store = open_store(settings)
    access = add_sample(settings, store, system_clock())
    store.engine.dispose()
    return SampleFolder(folder, place, access, databases)


def database_setting(place: Path | URL) -> str:
    """Return what CROSSCHECK_DATABASE says of a database."""
    return place.render_as_string(hide_password=False) if isinstance(place, URL) else ""
