"""What is purged of a flag: what identifies goes, what accountability needs stays, and no byte of it is left lying."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, Table, select

from service.schema import checks, duties, flag_candidates, wipes_due
from watchlists.agreements import Level
from watchlists.database import upsert, wipe_deleted, writing
from watchlists.schema import metadata

_PURGED: Final = (checks, flag_candidates)


@dataclass(frozen=True, slots=True)
class Purged:
    """A candidate to purge: its id, and who asked in which check."""

    candidate_id: str
    partner: str
    check_id: str


def purge(connection: Connection, purged: Purged, now: datetime) -> bool:
    """Purge a candidate in the transaction of `connection`; return False if it was purged before.

    The answer that was kept goes, and so do score, watchlist and entry. What stays says that there was a disclosure, of
    whose entry, by which clauses, and when it was voided. Nobody owes anything any more. `Wipes` wipes the bytes.
    """
    blank = {"level": Level.NONE.word, "later_level": None, "watchlist": None, "entry": None, "score": None}
    there = flag_candidates.c.candidate_id == purged.candidate_id, flag_candidates.c.voided_at.is_(None)
    if connection.execute(flag_candidates.update().where(*there).values(blank | {"voided_at": now})).rowcount == 0:
        return False
    kept = checks.c.partner == purged.partner, checks.c.check_id == purged.check_id
    connection.execute(checks.delete().where(*kept))
    moot = duties.c.candidate_id == purged.candidate_id, duties.c.settled_at.is_(None), duties.c.lapsed_at.is_(None)
    connection.execute(duties.update().where(*moot).values(lapsed_at=now))
    for table in _PURGED:
        wipe_later(connection, table, now)
    return True


def wipe_later(connection: Connection, table: Table, now: datetime) -> None:
    """Mark a table whose deleted bytes may still be in the files, in the transaction that deletes: `Wipes` does it."""
    due = upsert(connection, wipes_due).values(of_table=table.name, since=now)
    connection.execute(due.on_conflict_do_update(index_elements=["of_table"], set_={"since": now}))


class Wipes:
    """Wipes what the database still holds of purged rows.

    They are marked in the transaction that purges them: what was broken off, or was not possible just then, is done the
    next time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self) -> bool:
        """Wipe what is due; return whether nothing is due any more."""
        with self._engine.connect() as connection:
            due = connection.execute(select(wipes_due)).all()
        if not due:
            return True
        if not wipe_deleted(self._engine, *(metadata.tables[row.of_table] for row in due)):
            return False
        with writing(self._engine) as connection:
            for row in due:  # but for what was purged again meanwhile
                done = wipes_due.c.of_table == row.of_table, wipes_due.c.since == row.since
                connection.execute(wipes_due.delete().where(*done))
        return True
