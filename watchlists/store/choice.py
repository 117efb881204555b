"""Which rows and columns of entries are read: rows so that a database finds them by their key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Select, and_, false, or_, select

from watchlists.records import EntryKey
from watchlists.schema import entries, entry_portraits

STREAMED: Final = 500
"""Rows that are fetched at once."""
CLEAR: Final = tuple(
    column for column in entries.c if column.name not in {"digest", "wrapped_key", "sealed_subject", "sealed_templates"}
)
"""The columns to read where no seal is opened."""
WHOLE: Final[Select[Any]] = select(entries)
"""Entries with all that is sealed in their rows."""
_PORTRAITS_OF: Final = and_(entries.c.watchlist == entry_portraits.c.watchlist, entries.c.id == entry_portraits.c.entry)
WITH_PORTRAITS: Final[Select[Any]] = select(entries, entry_portraits.c.sealed.label("sealed_portraits")).outerjoin_from(
    entries, entry_portraits, _PORTRAITS_OF
)
"""The same and their portraits, as of one moment."""


def among(
    keys: Iterable[EntryKey], watchlist: Column[str] = entries.c.watchlist, entry: Column[str] = entries.c.id
) -> ColumnElement[bool]:
    """Return the condition that an entry is one of `keys`, of which there should be no more than a few hundred.

    Not as a list of pairs: SQLite would compare each of its rows with the list.

    Args:
        keys: the entries.
        watchlist: the column that names the list of an entry, in a table other than that of entries.
        entry: the column that names the entry there.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        names[key.watchlist].append(key.entry)
    return or_(false(), *(and_(watchlist == name, entry.in_(ids)) for name, ids in names.items()))
