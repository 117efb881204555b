"""Bring a database to the schema of this version. Works from an installed package; there is no `alembic.ini`."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from watchlists.database import Turn, writing
from watchlists.errors import SchemaUnknown
from watchlists.schema import metadata


def upgrade(engine: Engine, target: str = "head") -> None:
    """Bring the database to the revision `target`, in one transaction; do nothing if it is there already.

    Processes that start at once take turns, and the first one does it.

    Raises:
        SchemaUnknown: a newer version of Crosscheck has written this database.
    """
    if target == "head" and revision(engine) == head():
        return
    with writing(engine, Turn.MIGRATION) as connection:
        try:
            command.upgrade(_config(connection), target)
        except CommandError as error:
            raise SchemaUnknown(f"this version cannot bring the database to its schema: {error}") from error


def has_tables(engine: Engine) -> bool:
    """Whether `upgrade` was ever called on this database."""
    return revision(engine) is not None


def revision(engine: Engine) -> str | None:
    """Return the revision of a database's schema; None if `upgrade` was never called on it."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head() -> str:
    """Return the revision that `upgrade` leads to."""
    return ScriptDirectory(str(Path(__file__).parent)).get_current_head() or ""


def differences(engine: Engine, tables: Collection[str] | None = None) -> list[str]:
    """Return how the database differs from the tables that this process has declared; empty if it does not.

    Only the tables named in `tables` are compared, if it is given.
    """

    def chosen(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or tables is None or name in tables

    def included(_item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        return chosen(name, kind, None)

    options = {"compare_type": True, "include_name": chosen, "include_object": included}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return [str(difference) for difference in compare_metadata(context, metadata) if not _is_comment(difference)]


def _is_comment(difference: Any) -> bool:
    """Whether it is about the comments of columns alone: they are for readers of the code, and SQLite has none."""
    return isinstance(difference, list) and all(change[0] == "modify_comment" for change in difference)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
