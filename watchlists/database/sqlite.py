"""SQLite: one file in the data folder, nothing to install."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any

from sqlalchemy import Connection, Engine, Table, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError

from watchlists.database.backend import BUSY_TIMEOUT, DatabaseState, Turn
from watchlists.database.kept import driver_of, keep_connections, kept_writer

_WRITES = "crosscheck_writes"
_BUSY_TIMEOUT = f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT * 1000)}"
# FULL: an acknowledged write survives a power cut. secure_delete: what is deleted is overwritten with zeros.
_PRAGMAS = (
    _BUSY_TIMEOUT,
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)
_WRITE_AHEAD = "PRAGMA journal_mode = WAL"
_PAUSE = 0.01  # seconds
_AS_IT_HAS_TO_BE = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


class SqliteBackend:
    """The embedded database."""

    def options(self, query: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        return {}

    def prepare(self, engine: Engine) -> None:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        keep_connections(engine)

    def connection_to_write(self, engine: Engine) -> AbstractContextManager[Connection]:
        return kept_writer(engine, **{_WRITES: True})

    def take(self, connection: Connection, turn: Turn) -> None:
        """Nothing is left to wait for: `BEGIN IMMEDIATE` has taken the write lock of the whole database."""

    def insert(self, table: Table) -> sqlite.Insert:
        return sqlite.insert(table)

    def wipe(self, engine: Engine, tables: Sequence[Table]) -> bool:  # noqa: ARG002
        """Empty the write-ahead log, where old pages with deleted rows linger.

        That is not possible while another transaction runs; a later call will do it. (What the file system or a flash
        disk keeps of overwritten blocks is out of reach: there, destroying the data key is what protects.)
        """
        raw = engine.raw_connection()
        cursor = raw.cursor()
        try:
            cursor.execute("PRAGMA busy_timeout = 0")  # a clean-up must not keep a writer waiting
            row = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return bool(row[0] == 0)
        except sqlite3.OperationalError:
            return False  # the write before it is committed: it must not look as if it had failed
        finally:
            cursor.execute(_BUSY_TIMEOUT)
            raw.close()

    def in_use(self, engine: Engine) -> bool:
        """Leaving the write-ahead log is possible for the only connection there is; the next one enters it again."""
        with closing(sqlite3.connect(str(engine.url.database), timeout=0)) as alone:
            try:
                return bool(alone.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete")
            except sqlite3.OperationalError:
                return True
            except sqlite3.DatabaseError:
                return False  # it is no database: nobody can work with it

    def examine(self, engine: Engine) -> DatabaseState:
        with engine.connect() as connection:
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in _AS_IT_HAS_TO_BE}
        # Every connection sets these itself; SQLite refuses some file systems the write-ahead log without an error.
        wrong = [name for name, wanted in _AS_IT_HAS_TO_BE.items() if found[name] != wanted]
        return DatabaseState(
            kind=f"SQLite {sqlite3.sqlite_version}",
            place=str(engine.url.database),
            promises=("write-ahead log", "synchronous FULL", "deleted rows overwritten"),
            weaknesses=tuple(f"{name} is {found[name]}: move the data folder to a local disk" for name in wrong),
        )


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions on its own: `_begin` does
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. Of those who do so at once on a new file, SQLite lets nobody wait for the others."""
    patience = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute(_WRITE_AHEAD)
        except sqlite3.OperationalError:
            if time.monotonic() > patience:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    statement = "BEGIN IMMEDIATE" if writes else "BEGIN"
    try:
        driver_of(connection).execute(statement)
    except sqlite3.OperationalError as error:  # named as SQLAlchemy names it: whoever waits for a busy database asks so
        raise OperationalError(statement, None, error) from error
