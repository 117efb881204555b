"""Rotation of an owner's key while the service runs: what is sealed under the old one is sealed anew, then it goes.

1. The next generation is made. From then on every writer seals under it.
2. The data keys of the owner's entries, and those of the values of the service, are wrapped anew, a batch at a time; no
   content is opened.
3. In one transaction that waits for whoever still writes under the old generation, what is left is wrapped anew and
   the old generation is destroyed. Its bytes are wiped from the files, as far as the database can do that.

Where a rotation stands follows from the database alone. One that was broken off, at whatever point, is finished by the
next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, func, literal, select, tuple_

from watchlists.changes import hold_log
from watchlists.database import Turn, wipe_deleted, writing
from watchlists.errors import EntriesUnreadable, SealBroken
from watchlists.keys import KeyRing, OwnerKey, SealedColumn, sealed_columns
from watchlists.records import EntryKey
from watchlists.schema import entries, owner_keys
from watchlists.store.sealed_rows import bound_to, clear_entry

BATCH: Final = 250
"""Rows that are wrapped anew in one transaction: other writers wait for some hundredths of a second."""
MOST_UNREADABLE: Final = 1000
"""Entries that do not open, after which a rotation gives up."""
_WIPES: Final = 30
_WIPE_PAUSE: Final = 0.1

_Place = tuple[Any, ...]
_Done = TypeVar("_Done")

_SEALED: Final = ("digest", "wrapped_key", "sealed_subject", "sealed_templates", "key_generation")
_BOUND: Final = [column for column in entries.c if column.name not in _SEALED]
_REWRAP: Final = (
    entries.update()
    .where(entries.c.watchlist == bindparam("of"), entries.c.id == bindparam("entry"))
    .values(key_generation=bindparam("to"), wrapped_key=bindparam("wrapped"))
)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did.

    Args:
        generation: of the key that all is sealed under now.
        resumed: it finished a rotation that had been broken off, and began none.
        entries: whose data keys were wrapped anew by this call.
        values: of the service, likewise.
        lost: values that did not open, or are of a time when values could not be sealed anew; they never open again.
        wiped: whether the bytes of the old key are gone from the files of the database.
    """

    owner: str
    generation: int
    resumed: bool
    entries: int
    values: int
    lost: int
    wiped: bool = False


class OwnerKeyRotation:
    """The rotation of one owner's key.

    Args:
        settle: told in the transaction that destroys the old key, so that it can be written down in it.
        progress: told how many entries of how many are done.
    """

    def __init__(
        self,
        engine: Engine,
        keys: KeyRing,
        owner: str,
        settle: Callable[[Connection, Rotated], None] = lambda _connection, _rotated: None,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._owner = owner
        self._settle = settle
        self._progress = progress
        self._unreadable: set[EntryKey] = set()
        self._entries = 0
        self._values = 0
        self._lost = 0
        self._columns = tuple(sealed_columns())

    def run(self) -> Rotated:
        """Rotate the key, or finish a rotation that was broken off.

        Raises:
            UnknownPartner: there is no such owner.
            EntriesUnreadable: entries that do not open keep the old key alive; all else is wrapped anew.
        """
        older, newest, resumed = self._begin()
        total = self._count(older)
        while self._in_turn(Turn.CHANGE_LOG, partial(self._wrap_entries, older)):
            self._progress(self._entries, total)
        for column in self._columns:
            place: _Place | None = ()
            while place is not None:
                place = self._in_turn(Turn.SERVICE, partial(self._seal_values, column, older, place))
        rotated = self._in_turn(Turn.SERVICE, partial(self._destroy, older, newest, resumed))
        return replace(rotated, wiped=self._wipe())

    def _in_turn(self, turn: Turn, work: Callable[[Connection], _Done]) -> _Done:
        """Work in one transaction, then let others write for as long as it took."""
        began = time.monotonic()
        with writing(self._engine, turn) as connection:
            hold_log(connection)
            done = work(connection)
        time.sleep(time.monotonic() - began)
        return done

    def _begin(self) -> tuple[Sequence[int], int, bool]:
        with writing(self._engine) as connection:
            *older, newest = self._keys.generations(connection, self._owner) or (0,)
            if older:
                return older, newest, True
            return [newest], self._keys.begin_generation(connection, self._owner), False

    def _count(self, older: Sequence[int]) -> int:
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(entries).where(*self._are_entries(older))
            return connection.execute(query).scalar_one()

    def _wrap_entries(self, older: Sequence[int], connection: Connection) -> bool:
        """Wrap the data keys of a batch of entries anew; return whether there were any."""
        unreadable = [(key.watchlist, key.entry) for key in self._unreadable]
        query = select(*_BOUND, entries.c.key_generation, entries.c.wrapped_key).where(*self._are_entries(older))
        if unreadable:
            query = query.where(tuple_(entries.c.watchlist, entries.c.id).not_in(unreadable))
        rows = connection.execute(query.limit(BATCH)).all()
        newest = self._keys.current(connection, self._owner)
        wrapped = [self._rewrapped(connection, row, newest) for row in rows]
        good = [each for each in wrapped if each is not None]
        if good:
            connection.execute(_REWRAP, good)
        self._entries += len(good)
        return bool(rows)

    def _rewrapped(self, connection: Connection, row: Any, newest: OwnerKey) -> dict[str, Any] | None:
        entry = clear_entry(row)
        bound = bound_to(entry)
        try:
            old = self._keys.generation(connection, self._owner, row.key_generation)
            data_key = old.unwrap(row.wrapped_key, bound)
        except SealBroken:
            self._unreadable.add(entry.key)
            if len(self._unreadable) > MOST_UNREADABLE:
                raise self._blocked() from None
            return None
        wrapped_key = newest.wrap(data_key, bound)
        return {"of": row.watchlist, "entry": row.id, "to": newest.generation, "wrapped": wrapped_key}

    def _seal_values(
        self, column: SealedColumn, older: Sequence[int], after: _Place, connection: Connection
    ) -> _Place | None:
        """Seal the batch of values after a place anew; return the place of the last one, None if there was none."""
        identity = tuple(column.table.primary_key.columns)
        query = select(*identity, column.values.label("sealed")).where(column.under(self._owner, older))
        if after:
            there = [literal(value, part.type) for part, value in zip(identity, after, strict=True)]
            query = query.where(tuple_(*identity) > tuple_(*there))
        rows = connection.execute(query.order_by(*identity).limit(BATCH)).all()
        newest = self._keys.current(connection, self._owner)
        for *place, sealed in rows:
            try:
                resealed = self._keys.reseal(connection, self._owner, sealed, newest)
            except SealBroken:
                self._lost += 1
                continue
            is_it = [part == value for part, value in zip(identity, place, strict=True)]
            connection.execute(column.table.update().where(*is_it).values({column.values: resealed}))
            self._values += 1
        return tuple(rows[-1][:-1]) if rows else None

    def _destroy(self, older: Sequence[int], newest: int, resumed: bool, connection: Connection) -> Rotated:
        """Wrap anew what was written under the old key at the last moment, and destroy it."""
        self._keys.hold(connection, self._owner, older)
        while self._wrap_entries(older, connection):
            pass
        if self._unreadable:
            raise self._blocked()
        self._seal_rest(connection, older)
        rotated = Rotated(self._owner, newest, resumed, self._entries, self._values, self._lost)
        if self._keys.destroy(connection, self._owner, older):
            self._settle(connection, rotated)
        return rotated

    def _seal_rest(self, connection: Connection, older: Sequence[int]) -> None:
        self._lost = 0  # counted before: nothing of them has changed
        for column in self._columns:
            place: _Place | None = ()
            while place is not None:
                place = self._seal_values(column, older, place, connection)

    def _wipe(self) -> bool:
        tables = {column.table for column in self._columns} | {owner_keys, entries}
        for _ in range(_WIPES):
            if wipe_deleted(self._engine, *tables):
                return True
            time.sleep(_WIPE_PAUSE)
        return False

    def _are_entries(self, generations: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
        return entries.c.owner == self._owner, entries.c.key_generation.in_(generations)

    def _blocked(self) -> EntriesUnreadable:
        return EntriesUnreadable(f"{len(self._unreadable)} entries of {self._owner} do not open under its old key")
