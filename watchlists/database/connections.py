"""Open the database, and begin the two kinds of transaction: reading and writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from watchlists.database.backend import BUSY_TIMEOUT, Backend, DatabaseState, Turn
from watchlists.database.postgresql import PostgresqlBackend
from watchlists.database.sqlite import SqliteBackend

_KEPT: Final = 16
CONNECTIONS: Final = 2 * _KEPT
"""Most connections in the pool of one process; half of them are given back when they are not in use. On SQLite each
thread keeps up to two beside it (`watchlists.database.kept`)."""

UNAVAILABLE: Final = (OperationalError, NoConnectionFree)
"""What is raised while the database is busy or away. Another try may succeed, and does no harm: whoever loses the
connection during a commit cannot know whether it happened, so every write can be repeated."""

_BACKENDS: Final[Mapping[str, Backend]] = {"sqlite": SqliteBackend(), "postgresql": PostgresqlBackend()}


def open_database(place: Path | URL) -> Engine:
    """Open the database in a file (SQLite), which is made if missing, or at a URL (`postgresql+psycopg://...`).

    The file is readable by its user alone; SQLite gives its companions `-wal` and `-shm` the same mode. A server is
    not spoken to before the first statement.
    """
    url = URL.create("sqlite", database=str(place)) if isinstance(place, Path) else place
    if isinstance(place, Path):
        place.touch(mode=0o600, exist_ok=True)
    backend = _BACKENDS[url.get_backend_name()]
    engine = create_engine(
        url,
        pool_size=_KEPT,
        max_overflow=CONNECTIONS - _KEPT,
        pool_timeout=BUSY_TIMEOUT,
        hide_parameters=True,  # an error of the database must not print what was written
        **backend.options(url.query),
    )
    backend.prepare(engine)
    return engine


@contextmanager
def writing(engine: Engine, turn: Turn = Turn.SERVICE) -> Iterator[Connection]:
    """One write transaction: committed on leaving, undone if an exception leaves.

    It has its turn from its beginning, so what it reads holds until it has written. (A transaction on SQLite that reads
    first and asks for the write lock later would fail when another one has written in between.)
    """
    backend = _backend(engine)
    with backend.connection_to_write(engine) as connection, connection.begin():
        backend.take(connection, turn)
        yield connection


def upsert(connection: Connection, table: Table) -> Any:
    """Return an `INSERT` into `table` that can be given an `ON CONFLICT` clause (both kinds have the same)."""
    return _BACKENDS[connection.dialect.name].insert(table)


def wipe_deleted(engine: Engine, *tables: Table) -> bool:
    """Do what can be done that deleted rows of `tables` are gone from the files; return whether that was possible now.

    What that is, is said in `SqliteBackend.wipe` and `PostgresqlBackend.wipe`.
    """
    return _backend(engine).wipe(engine, tables)


def in_use(engine: Engine) -> bool:
    """Return whether any other process of Crosscheck is connected to the database, also if it does nothing."""
    engine.dispose()
    return _backend(engine).in_use(engine)


def examine(engine: Engine) -> DatabaseState:
    """Return which database this is, and how safe what is written to it is."""
    return _backend(engine).examine(engine)


def _backend(engine: Engine) -> Backend:
    return _BACKENDS[engine.dialect.name]
