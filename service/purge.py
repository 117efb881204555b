"""What is purged of a flag: what identifies goes, what accountability needs stays, and no byte of it is left lying."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, Table, select

from service.review.flag_state import refresh
from service.review_schema import verdicts
from service.schema import checks, duties, flag_candidates, wipes_due
from watchlists.agreements import Level
from watchlists.database import upsert, wipe_deleted, writing
from watchlists.schema import metadata

_PURGED: Final = (checks, flag_candidates, verdicts)
_BLANK: Final = dict.fromkeys(("later_level", "watchlist", "entry", "score", "face", "finger")) | {
    "level": Level.NONE.word
}


@dataclass(frozen=True, slots=True)
class Purged:
    """A candidate to purge: its id, and who asked in which check."""

    candidate_id: str
    partner: str
    check_id: str


def purge(connection: Connection, purged: Purged, now: datetime) -> bool:
    """Purge a candidate in the transaction of `connection`; return False if it was purged before.

    The answer that was kept goes, if the candidate is in it, and so do scores, watchlist, entry, and the reasons of
    reviewers. What stays says that there was a disclosure, of whose entry, by which clauses, what reviewers said, and
    when it was voided. Nobody owes anything any more. `Wipes` wipes the bytes.
    """
    there = flag_candidates.c.candidate_id == purged.candidate_id, flag_candidates.c.voided_at.is_(None)
    found = connection.execute(select(flag_candidates).where(*there)).mappings().one_or_none()
    if found is None:
        return False
    connection.execute(flag_candidates.update().where(*there).values(_BLANK | {"voided_at": now}))
    connection.execute(
        verdicts.update().where(verdicts.c.candidate_id == purged.candidate_id).values(sealed_reason=None)
    )
    if not found["silent"] and found["level"] != Level.NONE.word:  # else that the answer is gone would tell of it
        connection.execute(
            checks.delete().where(checks.c.partner == purged.partner, checks.c.check_id == purged.check_id)
        )
    moot = duties.c.candidate_id == purged.candidate_id, duties.c.settled_at.is_(None), duties.c.lapsed_at.is_(None)
    connection.execute(duties.update().where(*moot).values(lapsed_at=now))
    for table in _PURGED:
        wipe_later(connection, table, now)
    refresh(connection, found["flag_id"], now)
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
