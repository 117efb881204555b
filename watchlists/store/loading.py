"""Templates of many rows, opened one after the other: what rows have in common is worked out once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Text, cast, select

from watchlists.errors import SealBroken
from watchlists.keys import KeyRing, OwnerKey
from watchlists.records import EntryKey, VisibilityClass
from watchlists.schema import entries
from watchlists.store.results import StoredTemplates
from watchlists.store.sealed_rows import ClassBinding, class_of, open_packed_templates

_columns = entries.c
# As text: of a million rows few differ in these, so they are decoded for few.
_COMMON: Final = (
    _columns.owner,
    _columns.watchlist,
    _columns.category,
    _columns.action,
    cast(_columns.handling, Text),
    cast(_columns.conditions, Text),
    _columns.key_generation,
)
_SHARED: Final = len(_COMMON)
_CLASSES: Final = 4096
_OF_ONE: Final = (
    _columns.id,
    _columns.expires_at,
    _columns.sequence,
    _columns.wrapped_key,
    _columns.sealed_templates,
)

Common = tuple[Any, ...]
"""The values of a row that it shares with many."""
Opened = tuple[Common, str, datetime | None, int, bytes | None]
"""A row opened: what it shares, entry, expiry, sequence, templates as they were packed; None if they do not open."""

_WorkedOut = tuple[ClassBinding, OwnerKey | None]


class TemplateReader:
    """Opens the rows of `QUERY`, in one read transaction."""

    QUERY: Final[Select[Any]] = select(*_COMMON, *_OF_ONE)

    def __init__(self, connection: Connection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys
        self._worked_out: dict[Common, tuple[Common, _WorkedOut]] = {}

    def open(self, rows: Iterable[Row[Any]]) -> Iterator[Opened]:
        """Open rows. What they share is one object for all that share it."""
        for row in rows:
            found = self._worked_out.get(row[:_SHARED]) or self._work_out(row[:_SHARED])
            common, (binding, owner_key) = found
            entry_id, expires_at, sequence, wrapped_key, sealed = row[_SHARED:]
            packed: bytes | None = None
            try:
                if owner_key is not None:
                    packed = open_packed_templates(sealed, wrapped_key, binding.to(entry_id, expires_at), owner_key)
            except SealBroken:
                packed = None
            yield common, entry_id, expires_at, sequence, packed

    def _work_out(self, common: Common) -> tuple[Common, _WorkedOut]:
        klass = _class_of(common)
        try:
            owner_key = self._keys.generation(self._connection, klass.owner, common[-1])
        except SealBroken:
            owner_key = None
        self._worked_out[common] = found = common, (ClassBinding.of(klass), owner_key)
        return found


def stored_templates(opened: Iterable[Opened]) -> Iterator[StoredTemplates]:
    """Return opened rows as the gallery wants them."""
    for common, entry_id, expires_at, sequence, packed in opened:
        klass = _class_of(common)
        yield StoredTemplates(EntryKey(klass.watchlist, entry_id), klass, expires_at, sequence, packed)


@lru_cache(maxsize=_CLASSES)
def _class_of(common: Common) -> VisibilityClass:
    owner, watchlist, category, action, handling, conditions, _ = common
    return class_of(owner, watchlist, category, action, json.loads(handling), json.loads(conditions))
