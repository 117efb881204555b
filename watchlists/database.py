"""Open the database, and begin the two kinds of transaction: reading and writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

BUSY_TIMEOUT = 10.0
"""Seconds that a writer waits for another one."""

_WRITES = "crosscheck_writes"

_BUSY_TIMEOUT = f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT * 1000)}"
# FULL: an acknowledged write survives a power cut. secure_delete: what is deleted is overwritten with zeros.
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    _BUSY_TIMEOUT,
)


def open_database(place: Path | str) -> Engine:
    """Open the database in a file (SQLite), which is made if missing, or at a SQLAlchemy URL.

    The file is readable by its user alone; SQLite gives its companions `-wal` and `-shm` the same mode.
    """
    url: URL | str = place if isinstance(place, str) else URL.create("sqlite", database=str(place))
    if isinstance(place, Path):
        place.touch(mode=0o600, exist_ok=True)
    engine = create_engine(url, pool_size=16, max_overflow=16)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: committed on leaving, undone if an exception leaves.

    On SQLite it holds the write lock from its beginning. A transaction that reads first and then writes would fail
    when another one has written in between.
    """
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def wipe_journal(engine: Engine) -> bool:
    """Empty SQLite's write-ahead log, where old pages with deleted rows linger; return whether that was possible.

    It is not while another transaction runs; a later call will do it. (What the file system or a flash disk keeps of
    overwritten blocks is out of reach: there, destroying the data key is what protects.)
    """
    if engine.dialect.name != "sqlite":
        return True
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


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions on its own: `_begin_sqlite` does
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
