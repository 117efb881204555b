"""Statements that every check runs, made ready once: SQLite is given them without a detour.

SQLAlchemy looks each statement up, makes a context and a result for it and tells listeners, which takes five times as
long as SQLite itself. That is worth its while nearly everywhere, but not a dozen times in every check. On PostgreSQL,
where the way to the server takes longer than all of this, and connections can be lost, nothing is different.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Delete, Dialect, Engine, Insert, RowMapping, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from watchlists.database.kept import driver_of, keeps_connections, read

Row: TypeAlias = Mapping[str, Any] | RowMapping
"""A row, by the names of its columns."""
_Convert: TypeAlias = Callable[[Any], Any] | None
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What SQLite is given: text, parameters in their order, and what is made of columns.

    Args:
        fixed: values that the statement itself gives to parameters.
        asked: names of the parameters that have to be given.
    """

    text: str
    parameters: Sequence[tuple[str, _Convert]]
    columns: Sequence[tuple[str, _Convert]]
    fixed: Mapping[str, Any]
    asked: frozenset[str]

    def values(self, row: Mapping[str, Any]) -> list[Any]:
        if row.keys() != self.asked:
            raise ValueError(f"the statement takes {sorted(self.asked)}, not {sorted(row)}")
        given = {**self.fixed, **row}
        return [given[name] if convert is None else convert(given[name]) for name, convert in self.parameters]

    def read(self, found: Sequence[Any]) -> Row:
        return {
            name: value if convert is None else convert(value)
            for value, (name, convert) in zip(found, self.columns, strict=True)
        }


class ReadyStatement:
    """A statement with named parameters, none of them a list. Thread-safe.

    An insert takes the columns of the first row that it is given. Reading outside a transaction sees what is committed
    just then; two such statements may see two states.
    """

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self._statement: Final = statement
        self._prepared: _Prepared | None = None

    def rows(self, connection: Connection, parameters: Mapping[str, Any] = _NONE) -> Sequence[Row]:
        """Return what a SELECT finds.

        Raises:
            DBAPIError: as `Connection.execute` does.
            ValueError: other parameters than the statement has; on PostgreSQL a StatementError.
        """
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, parameters).mappings().all()
        prepared = self._prepared_for(connection.dialect, parameters)
        found = _run(connection, prepared.text, [prepared.values(parameters)]).fetchall()
        return [prepared.read(row) for row in found]

    def look(self, engine: Engine, parameters: Mapping[str, Any] = _NONE) -> Sequence[Row]:
        """Return what a SELECT finds just now, in no transaction: as `rows` does, without a connection to be had first.

        Raises:
            DBAPIError: as `Connection.execute` does.
            ValueError: other parameters than the statement has; on PostgreSQL a StatementError.
        """
        if not keeps_connections(engine):
            with engine.connect() as connection:
                return self.rows(connection, parameters)
        prepared = self._prepared_for(engine.dialect, parameters)
        values = prepared.values(parameters)
        try:
            found = read(engine, prepared.text, values)
        except sqlite3.Error as error:
            raise _named(prepared.text, error) from error
        return [prepared.read(row) for row in found]

    def write(self, connection: Connection, *rows: Mapping[str, Any]) -> int:
        """Run a statement that writes, in the transaction of `connection`, for each row of parameters (at least one).

        Returns:
            How many rows an UPDATE or a DELETE concerned; of an INSERT PostgreSQL does not say.

        Raises:
            DBAPIError: as `Connection.execute` does.
            ValueError: other parameters than the statement has; on PostgreSQL a StatementError.
            RuntimeError: there is no transaction.
        """
        if not connection.in_transaction():
            raise RuntimeError("what is written belongs to a transaction")
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, rows).rowcount
        prepared = self._prepared_for(connection.dialect, rows[0])
        return _run(connection, prepared.text, [prepared.values(row) for row in rows]).rowcount

    def _prepared_for(self, dialect: Dialect, row: Mapping[str, Any]) -> _Prepared:
        if self._prepared is None:  # several threads come to the same
            self._prepared = _prepare(self._statement, dialect, row)
        return self._prepared


def _prepare(statement: Any, dialect: Dialect, row: Mapping[str, Any]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(row) if isinstance(statement, Insert) else None)
    named = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
    columns = statement.selected_columns if isinstance(statement, Select) else ()
    return _Prepared(
        str(compiled),
        [(name, _to_driver(bind.type, dialect)) for name, bind in named],
        [(str(column.key), _from_driver(column.type, dialect)) for column in columns],
        {name: bind.effective_value for name, bind in named if not bind.required},
        frozenset(name for name, bind in named if bind.required),
    )


def _to_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _run(connection: Connection, text: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
    driver = driver_of(connection)
    try:
        return driver.execute(text, rows[0]) if len(rows) == 1 else driver.executemany(text, rows)
    except sqlite3.Error as error:
        raise _named(text, error) from error


def _named(text: str, error: sqlite3.Error) -> BaseException:
    """Return an error as SQLAlchemy names it: whoever catches it asks so."""
    return DBAPIError.instance(text, None, error, sqlite3.Error, hide_parameters=True)
