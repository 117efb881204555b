"""What the two kinds of database do differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, Table

BUSY_TIMEOUT: Final = 10.0
"""Seconds that a writer waits for another one."""


class Turn(IntEnum):
    """Whose turn it is to write: within each of these there is one writer at a time, in all processes together.

    So a transaction may read and then write what follows from it, with no other lock. SQLite has one writer anyway.
    """

    CHANGE_LOG = 1
    """Entries and all that is in the log. `ChangeWriter` locks its head, so that nothing else needs to be locked."""
    SERVICE = 2
    """Everything else that is written while the service runs."""
    MIGRATION = 3
    """The schema. It may take its time."""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What an operator should know of the database.

    Args:
        kind: product and version.
        place: where it is; no password.
        promises: the settings by which an acknowledged write survives, as they are, in words.
        weaknesses: those of them that are not as they have to be, each with what to do.
    """

    kind: str
    place: str
    promises: tuple[str, ...]
    weaknesses: tuple[str, ...]


class Backend(Protocol):
    """One kind of database."""

    def options(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what `create_engine` is told beside the URL, whose query is given."""
        ...

    def prepare(self, engine: Engine) -> None:
        """Make every connection of a new engine ready, from its first moment on."""
        ...

    def connection_to_write(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Lend a connection that is going to write; no transaction has begun on it."""
        ...

    def take(self, connection: Connection, turn: Turn) -> None:
        """Wait for the turn to write, as the first statement of a transaction; it ends with the transaction."""
        ...

    def insert(self, table: Table) -> Any:
        """Return an `INSERT` into `table` that can be given an `ON CONFLICT` clause."""
        ...

    def wipe(self, engine: Engine, tables: Sequence[Table]) -> bool:
        """Do what this kind of database can do that deleted rows of `tables` are gone from its files."""
        ...

    def in_use(self, engine: Engine) -> bool:
        """Whether anybody else is connected to the database, also if they do nothing."""
        ...

    def examine(self, engine: Engine) -> DatabaseState:
        """Look at how the database is set."""
        ...
