"""Templates of many rows, opened one after the other: what rows have in common is worked out once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, Text, cast, select

from watchlists.errors import SealBroken
from watchlists.keys import KeyRing, OwnerKey
from watchlists.records import EntryKey, VisibilityClass
from watchlists.schema import entries
from watchlists.store.columns import TemplateColumns, template_columns
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
_CLASSES: Final = 4096
_OF_ONE: Final = (
    _columns.id,
    _columns.expires_at,
    _columns.sequence,
    _columns.wrapped_key,
    _columns.sealed_templates,
)

LOADED: Final = 500
"""Entries that are loaded at once: so few that they stay in the caches of the processor from one step to the next."""

Common = tuple[Any, ...]
"""The values of a row that it shares with many."""


class Opened(NamedTuple):
    """Rows opened, by column. What rows share is one object for all that share it.

    Args:
        packed: templates as they were packed; None where they do not open.
    """

    commons: Sequence[Common]
    entries: Sequence[str]
    expiries: Sequence[datetime | None]
    sequences: Sequence[int]
    packed: Sequence[bytes | None]


class Sent(NamedTuple):
    """Rows opened, as `TemplateColumns` but for the classes: in their place is what rows share, each once."""

    commons: Sequence[Common]
    columns: TemplateColumns


_WorkedOut = tuple[Common, ClassBinding, OwnerKey | None]


class TemplateReader:
    """Opens the rows of `QUERY`, in one read transaction."""

    QUERY: Final[Select[Any]] = select(*_COMMON, *_OF_ONE)

    def __init__(self, connection: Connection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys
        self._worked_out: dict[Common, _WorkedOut] = {}

    def read(self, selected: Select[Any], at_once: int) -> Iterator[Opened]:
        """Read and open the rows of a selection from `QUERY`, some at once."""
        result = self._connection.execution_options(yield_per=at_once).execute(selected)
        yield from map(self._open, result.partitions())

    def _open(self, rows: Sequence[Row[Any]]) -> Opened:
        *shared, entry_ids, expiries, sequences, wrapped_keys, sealed = zip(*rows, strict=True)
        known = self._worked_out
        found = [known.get(common) or self._work_out(common) for common in zip(*shared, strict=True)]
        packed = [
            None if owner_key is None else _opened(templates, wrapped_key, binding.to(entry_id, expires_at), owner_key)
            for (_, binding, owner_key), entry_id, expires_at, wrapped_key, templates in zip(
                found, entry_ids, expiries, wrapped_keys, sealed, strict=True
            )
        ]
        return Opened([common for common, _, _ in found], entry_ids, expiries, sequences, packed)

    def _work_out(self, common: Common) -> _WorkedOut:
        klass = _class_of(common)
        try:
            owner_key = self._keys.generation(self._connection, klass.owner, common[-1])
        except SealBroken:
            owner_key = None
        self._worked_out[common] = found = common, ClassBinding.of(klass), owner_key
        return found


def stored_templates(some: Opened) -> Iterator[StoredTemplates]:
    """Return opened rows as whoever asks for certain entries wants them."""
    for common, entry_id, expires_at, sequence, packed in zip(*some, strict=True):
        klass = _class_of(common)
        yield StoredTemplates(EntryKey(klass.watchlist, entry_id), klass, expires_at, sequence, packed)


def sent(some: Opened) -> Sent:
    """Return opened rows as one process sends them to another."""
    place = {common: which for which, common in enumerate(dict.fromkeys(some.commons))}
    class_of = [place[common] for common in some.commons]
    columns = template_columns((), class_of, some.entries, some.expiries, some.sequences, some.packed)
    return Sent(list(place), columns)


def received(some: Sent) -> TemplateColumns:
    """Return sent rows as the gallery wants them at its start."""
    return some.columns._replace(klasses=[_class_of(common) for common in some.commons])


def _opened(sealed: bytes, wrapped_key: bytes, bound: bytes, owner_key: OwnerKey) -> bytes | None:
    try:
        return open_packed_templates(sealed, wrapped_key, bound, owner_key)
    except SealBroken:
        return None


@lru_cache(maxsize=_CLASSES)
def _class_of(common: Common) -> VisibilityClass:
    owner, watchlist, category, action, handling, conditions, _ = common
    return class_of(owner, watchlist, category, action, json.loads(handling), json.loads(conditions))
