"""Values of the service that are sealed for a partner, wherever they are: columns that say so (`sealed_for`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, LargeBinary, Table, and_, func, literal

from watchlists.schema import SEALED_FOR, metadata

GENERATION_SIZE = 4
"""Bytes in front of a sealed value that say which generation of the owner's key it is sealed under."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of values that `KeyRing.seal_for` gave.

    Args:
        owner: the column that says for whom.
    """

    table: Table
    values: Column[bytes]
    owner: Column[str]

    def under(self, owner: str, generations: Collection[int]) -> ColumnElement[bool]:
        """Which rows hold a value for `owner` that is sealed under one of those generations of its key."""
        generation = func.substr(self.values, 1, GENERATION_SIZE, type_=LargeBinary)
        prefixes = [literal(prefix_of(number), LargeBinary) for number in generations]
        return and_(self.owner == owner, generation.in_(prefixes))


def sealed_columns() -> Iterator[SealedColumn]:
    """Yield the columns of sealed values of all tables that this process has declared."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if SEALED_FOR in column.info:
                yield SealedColumn(table, column, table.columns[column.info[SEALED_FOR]])


def prefix_of(generation: int) -> bytes:
    """Return what stands in front of a value that is sealed under that generation."""
    return generation.to_bytes(GENERATION_SIZE, "little")


def generation_of(sealed: bytes) -> int:
    """Return the generation of the owner's key that a value is sealed under."""
    return int.from_bytes(sealed[:GENERATION_SIZE], "little")
