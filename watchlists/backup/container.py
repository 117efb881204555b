"""The data of a backup: one SQLite file with the rows of all tables but those of keys, from either kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, Table, create_engine, func, select

from watchlists import migrations
from watchlists.schema import KEY_TABLES, NOT_IN_BACKUPS, metadata

BATCH: Final = 500
"""Rows that are copied at once."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, and how much of how much is."""


def kept_tables() -> list[Table]:
    """Return the tables that are in a backup, those before that others refer to."""
    left_out = {table for table in metadata.sorted_tables if NOT_IN_BACKUPS in table.info} | set(KEY_TABLES)
    return [table for table in metadata.sorted_tables if table not in left_out]


def open_container(file: Path, *, read_only: bool = False) -> Engine:
    """Open a container, which is made if it is missing. Rows may refer to keys that are not in it."""
    if not read_only:
        file.touch(mode=0o600, exist_ok=True)
    query = {"uri": "true", "mode": "ro" if read_only else "rw"}
    # Plain, unlike a database that is in use: one file without companions, and foreign keys are not looked at.
    url = URL.create("sqlite", database=file.resolve().as_uri(), query=query)
    return create_engine(url, poolclass=NullPool, hide_parameters=True)


def write_container(file: Path, source: Connection, progress: Progress) -> dict[str, int]:
    """Copy everything that the transaction of `source` sees into a new container.

    Returns:
        How many rows there are in each table.
    """
    engine = open_container(file)
    migrations.upgrade(engine)
    total, copied = sum(row_counts(source).values()), 0
    with engine.begin() as connection:
        clear(connection)
        for table in kept_tables():
            for batch in batches(source, table):
                connection.execute(table.insert(), batch)
                copied += len(batch)
                progress("copying", copied, total)
        return row_counts(connection)


def clear(connection: Connection) -> None:
    """Delete all rows; a migration may have made some."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(table.delete())


def batches(source: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """Yield all rows of a table, some at a time."""
    rows = source.execute(select(table), execution_options={"yield_per": BATCH}).mappings()
    for partition in rows.partitions():
        yield [dict(row) for row in partition]


def row_counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each table of a backup."""
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in kept_tables()
    }
