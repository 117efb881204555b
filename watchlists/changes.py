"""The one append-only change log, and the base of everything that follows it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, select

from watchlists.database import ReadyStatement
from watchlists.records import Change, ChangeKind, EntryKey
from watchlists.schema import change_head, changes

_LAST: Final = ReadyStatement(select(change_head.c.last_sequence))
BATCH = 1000
"""Changes that are read at once."""


class ChangeLog:
    """Reads the log. Every write to a watchlist is one change, in the transaction of the write."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last_sequence(self) -> int:
        """Return the number of the newest change, 0 if there is none. Cheap: one row."""
        return max((row["last_sequence"] for row in _LAST.look(self._engine)), default=0)

    def after(self, sequence: int, limit: int = BATCH) -> Sequence[Change]:
        """Return the changes after `sequence` in order, at most `limit` of them."""
        query = select(changes).where(changes.c.sequence > sequence).order_by(changes.c.sequence).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Change(row.sequence, ChangeKind(row.kind), EntryKey(row.watchlist, row.entry), row.owner, row.at)
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change that has no number yet."""

    kind: ChangeKind
    key: EntryKey
    owner: str


def hold_log(connection: Connection) -> int:
    """Have the turn to write entries until the transaction of `connection` ends; return the number of the last change.

    What is read of entries afterwards stays so until then.
    """
    head: int = connection.execute(select(change_head.c.last_sequence).with_for_update()).scalar_one()
    return head


class ChangeWriter:
    """Appends changes in one write transaction.

    The head row is locked from the beginning to the commit, by SQLite's write lock or by PostgreSQL's row lock. So
    numbers become visible in their order and without gaps: a follower that has seen n has seen all before n. And
    whatever else is read after it was made, such as the entries that are to be replaced, stays so until the commit.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._last = hold_log(connection)

    def append(self, new: Sequence[NewChange]) -> range:
        """Append changes; return their sequence numbers."""
        numbers = range(self._last + 1, self._last + 1 + len(new))
        if new:
            self._connection.execute(
                changes.insert(), [self._row(n, change) for n, change in zip(numbers, new, strict=True)]
            )
            self._last = numbers[-1]
            self._connection.execute(change_head.update().values(last_sequence=self._last))
        return numbers

    def _row(self, sequence: int, change: NewChange) -> dict[str, object]:
        return {
            "sequence": sequence,
            "kind": change.kind.value,
            "watchlist": change.key.watchlist,
            "entry": change.key.entry,
            "owner": change.owner,
            "at": self._now,
        }


class Follower(ABC):
    """Something that is kept equal to the store by following the log from its own cursor."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log
        self._following = threading.Lock()  # one thread at a time applies changes, in order

    @property
    @abstractmethod
    def sequence(self) -> int:
        """The newest change whose effect is in here, with all before it."""

    @abstractmethod
    def follow(self, new: Sequence[Change]) -> None:
        """Take over changes, in order; afterwards `sequence` is that of the last one."""

    def catch_up(self) -> int:
        """Follow the log to its end; return the sequence reached. Cheap if there is nothing new.

        A change that was committed before the call has taken effect when it returns, whichever thread applied it.
        """
        if self._log.last_sequence() > self.sequence:
            with self._following:
                while new := self._log.after(self.sequence):
                    self.follow(new)
        return self.sequence
