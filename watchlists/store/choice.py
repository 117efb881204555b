"""Rows of certain entries, chosen so that a database finds them by their key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, false, or_

from watchlists.records import EntryKey
from watchlists.schema import entries


def among(keys: Iterable[EntryKey]) -> ColumnElement[bool]:
    """Return the condition that an entry is one of `keys`, of which there should be no more than a few hundred.

    Not as a list of pairs: SQLite would compare each of its rows with the list.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        names[key.watchlist].append(key.entry)
    ones = (and_(entries.c.watchlist == watchlist, entries.c.id.in_(ids)) for watchlist, ids in names.items())
    return or_(false(), *ones)
