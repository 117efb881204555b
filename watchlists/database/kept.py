"""SQLite connections that threads keep: one to read a statement at a time, and one to write.

To take a connection from the pool, look whether it is as it should be, and give it back takes ten times as long as
SQLite needs to find a row, and a check does that six times. So each thread keeps its own, until it ends or the engine
is disposed of. Nothing stays open in between: no transaction, and no cursor.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast
from weakref import WeakKeyDictionary, WeakSet, finalize

from sqlalchemy import Connection, Engine, event


class Reader:
    """A connection that reads."""

    def __init__(self, engine: Engine) -> None:
        taken = engine.raw_connection()
        driver: Any = taken.dbapi_connection
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


class Writer:
    """A connection that writes, for one transaction after the other."""

    def __init__(self, engine: Engine, options: dict[str, Any]) -> None:
        self.connection: Final[Connection] = engine.connect().execution_options(**options)
        driver = driver_of(self.connection)
        self.connection.detach()
        self._driver = driver
        self._of_engine = engine.get_execution_options()
        self._of_connection = self.connection.get_execution_options()
        finalize(self, driver.close).atexit = False

    def is_good_for(self, engine: Engine) -> bool:
        """Whether it can be used again: nobody has changed it, nor what holds for all connections."""
        if self.connection.closed or self.connection.invalidated or self.connection.in_transaction():
            return False
        try:
            if self._driver.in_transaction:  # a commit has failed, of which SQLAlchemy has lost sight
                return False
        except sqlite3.ProgrammingError:  # it was closed
            return False
        options = engine.get_execution_options(), self.connection.get_execution_options()
        return options[0] is self._of_engine and options[1] is self._of_connection


class _Kept:
    """The connections that threads keep to one database. A thread that ends takes its own along."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._readers = WeakSet[Reader]()
        self._idle = WeakSet[Writer]()
        self._disposals = 0

    def rows(self, engine: Engine, text: str, values: Sequence[Any]) -> list[Any]:
        while True:
            reader: Reader | None = getattr(self._mine, "reader", None)
            found = None if reader is None else reader.rows(text, values)
            if found is not None:
                return found
            disposals, reader = self._disposals, Reader(engine)
            with self._lock:
                if disposals == self._disposals:
                    self._readers.add(reader)
                    self._mine.reader = reader

    @contextmanager
    def writer(self, engine: Engine, options: dict[str, Any]) -> Iterator[Connection]:
        disposals = self._disposals
        writer = self._taken(engine) or Writer(engine, options)
        try:
            yield writer.connection
        finally:
            self._give_back(engine, writer, disposals)

    def _taken(self, engine: Engine) -> Writer | None:
        """Return the writer of this thread, unless it is at work already, or was closed, or is no good any more."""
        writer: Writer | None = self._mine.__dict__.pop("writer", None)
        with self._lock:
            if writer is None or writer not in self._idle:
                return None
            self._idle.discard(writer)
        if writer.is_good_for(engine):
            return writer
        writer.connection.close()
        return None

    def _give_back(self, engine: Engine, writer: Writer, disposals: int) -> None:
        with self._lock:
            if disposals == self._disposals and writer.is_good_for(engine):
                self._mine.writer = writer
                self._idle.add(writer)
                return
        writer.connection.close()

    def close(self, _engine: Engine) -> None:
        """Close what is idle; what is at work is closed by whoever is done with it."""
        with self._lock:
            self._disposals += 1
            readers, writers = tuple(self._readers), tuple(self._idle)
            self._idle.clear()
        for reader in readers:
            reader.close()
        for writer in writers:
            writer.connection.close()


_KEPT: Final[WeakKeyDictionary[Engine, _Kept]] = WeakKeyDictionary()


def keep_connections(engine: Engine) -> None:
    """Let threads keep connections of a new engine until it is disposed of."""
    kept = _KEPT[engine] = _Kept()
    event.listen(engine, "engine_disposed", kept.close)


def keeps_connections(engine: Engine) -> bool:
    """Whether `keep_connections` was called for an engine."""
    return engine in _KEPT


def read(engine: Engine, text: str, values: Sequence[Any]) -> list[Any]:
    """Return what a SELECT finds on the connection of this thread, as things are committed just now.

    Raises:
        sqlite3.Error: as the driver does.
        SQLAlchemyError: there is no connection to be had.
    """
    return _KEPT[engine].rows(engine, text, values)


@contextmanager
def kept_writer(engine: Engine, **options: Any) -> Iterator[Connection]:
    """Lend the connection of this thread that has these execution options; within it, another one.

    Of an engine that threads keep no connections of, it is one from the pool.

    Raises:
        SQLAlchemyError: there is no connection to be had.
    """
    kept = _KEPT.get(engine)
    with engine.connect().execution_options(**options) if kept is None else kept.writer(engine, options) as connection:
        yield connection


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return what SQLAlchemy speaks to: what it adds costs ten times as much as what SQLite does."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)
