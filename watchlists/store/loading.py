"""Templates of many rows, opened one after the other: what rows have in common is worked out once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Text, cast, select

from watchlists.errors import SealBroken
from watchlists.keys import KeyRing, OwnerKey
from watchlists.records import EntryKey, VisibilityClass
from watchlists.schema import entries
from watchlists.store.results import StoredTemplates
from watchlists.store.sealed_rows import ClassBinding, class_of, open_bound_templates

_columns = entries.c
# What the class follows from, as text: of a million rows few differ in it, so it is decoded for few.
_CLASS: Final = (
    _columns.owner,
    _columns.watchlist,
    _columns.category,
    _columns.action,
    cast(_columns.handling, Text),
    cast(_columns.conditions, Text),
)
_OF_ONE: Final = (
    _columns.id,
    _columns.expires_at,
    _columns.sequence,
    _columns.key_generation,
    _columns.wrapped_key,
    _columns.sealed_templates,
)

_Class = tuple[VisibilityClass, ClassBinding]


class TemplateReader:
    """Opens the rows of `QUERY`, in one read transaction."""

    QUERY: Final[Select[Any]] = select(*_CLASS, *_OF_ONE)

    def __init__(self, connection: Connection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys
        self._classes: dict[tuple[str, ...], _Class] = {}
        self._owner_keys: dict[tuple[str, int], OwnerKey] = {}

    def open(self, rows: Iterable[Row[Any]]) -> Iterator[StoredTemplates]:
        """Open rows; templates that do not open are None."""
        for *of_class, entry_id, expires_at, sequence, generation, wrapped_key, sealed in rows:
            klass, binding = self._class(tuple(of_class))
            try:
                owner_key = self._owner_key(klass.owner, generation)
                bound = binding.to(entry_id, expires_at)
                templates = open_bound_templates(sealed, wrapped_key, bound, owner_key)
            except SealBroken:
                templates = None
            yield StoredTemplates(EntryKey(klass.watchlist, entry_id), klass, expires_at, sequence, templates)

    def _class(self, values: tuple[str, ...]) -> _Class:
        known = self._classes.get(values)
        if known is None:
            *words, handling, conditions = values
            owner, watchlist, category, action = words
            klass = class_of(owner, watchlist, category, action, json.loads(handling), json.loads(conditions))
            known = self._classes[values] = klass, ClassBinding.of(klass)
        return known

    def _owner_key(self, owner: str, generation: int) -> OwnerKey:
        identity = (owner, generation)
        known = self._owner_keys.get(identity)
        if known is None:
            known = self._owner_keys[identity] = self._keys.generation(self._connection, owner, generation)
        return known
