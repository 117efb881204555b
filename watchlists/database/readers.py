"""SQLite connections that threads keep, to read one statement at a time.

To take a connection from the pool, look whether it is as it should be, and give it back takes ten times as long as
SQLite needs to find a row; a check reads four times. So each thread that reads so keeps a connection of its own, until
it ends or the engine is disposed of. Nothing stays open in between: no transaction, and no cursor.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet, finalize

from sqlalchemy import Engine, event


class Reader:
    """The connection of one thread."""

    def __init__(self, engine: Engine) -> None:
        taken = engine.raw_connection()
        driver = taken.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 -- told to mypy
        taken.detach()  # the pool has room for others
        self._driver: sqlite3.Connection | None = driver
        self._lock = threading.Lock()
        finalize(self, driver.close).atexit = False  # at once, and not when cycles are looked for

    def rows(self, text: str, values: Sequence[Any]) -> list[Any] | None:
        """Return what a SELECT finds; None if this connection was closed meanwhile.

        Raises:
            sqlite3.Error: as the driver does.
        """
        with self._lock:
            return None if self._driver is None else self._driver.execute(text, values).fetchall()

    def close(self) -> None:
        """Let go of the database; any thread may do that."""
        with self._lock:
            if self._driver is not None:
                self._driver.close()
            self._driver = None


class _Readers:
    """The readers of one engine. A thread that ends takes its reader with it."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._all = WeakSet[Reader]()
        self._adding = threading.Lock()

    def rows(self, engine: Engine, text: str, values: Sequence[Any]) -> list[Any]:
        while True:
            reader: Reader | None = getattr(self._mine, "reader", None)
            found = None if reader is None else reader.rows(text, values)
            if found is not None:
                return found
            self._mine.reader = reader = Reader(engine)
            with self._adding:
                self._all.add(reader)

    def close(self, _engine: Engine) -> None:
        with self._adding:
            there = tuple(self._all)
        for reader in there:
            reader.close()


_READERS: Final[WeakKeyDictionary[Engine, _Readers]] = WeakKeyDictionary()


def keep_readers(engine: Engine) -> None:
    """Let threads keep connections of a new engine for reading, until it is disposed of."""
    readers = _READERS[engine] = _Readers()
    event.listen(engine, "engine_disposed", readers.close)


def read(engine: Engine, text: str, values: Sequence[Any]) -> list[Any]:
    """Return what a SELECT finds on the connection of this thread, as things are committed just now.

    Raises:
        sqlite3.Error: as the driver does.
        SQLAlchemyError: there is no connection to be had.
    """
    return _READERS[engine].rows(engine, text, values)
