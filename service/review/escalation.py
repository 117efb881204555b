"""Ahead of a deadline those who owe something are reminded: at half of its time, and near its end, each once.

What is reminded of rises in the queue, so that what nobody took by then is seen first. Whether somebody has said
something already makes no difference to that: it would tell of it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, select

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.log_terms import review_kept_until
from service.notices import NoticeKind, Notices, hold_partners
from service.review.flag_state import refresh
from service.roles import Role
from service.schema import duties, flag_candidates, flags
from watchlists.agreements import Obligation
from watchlists.database import writing

ACTOR: Final = "housekeeping"
NEAR: Final = 10
"""The last so-manieth part of the time is near the end."""
BY_OWNER: Final = frozenset({Obligation.RELEASE_BY_OWNER.value})
"""What the owner of the entry owes; everything else is owed by the partner that asked."""


class Step(StrEnum):
    """How far the time of a deadline is gone."""

    HALF = "half"
    NEAR_END = "near-end"


STEPS: Final = (Step.HALF, Step.NEAR_END)


def moment_of(step: Step, opened_at: datetime, due_at: datetime) -> datetime:
    """When somebody is reminded of a deadline."""
    time = due_at - opened_at
    return opened_at + time / 2 if step is Step.HALF else due_at - time / NEAR


def steps_gone(opened_at: datetime, due_at: datetime, now: datetime) -> int:
    """How many steps have come by `now`."""
    return sum(moment_of(step, opened_at, due_at) <= now for step in STEPS)


def next_moment(opened_at: datetime, due_at: datetime, gone: int) -> datetime | None:
    """When the step after `gone` of them comes; None if there is no other."""
    return moment_of(STEPS[gone], opened_at, due_at) if gone < len(STEPS) else None


class Escalations:
    """Reminds, once for each step of each duty: also after a restart, and with several processes."""

    def __init__(self, engine: Engine, notices: Notices) -> None:
        self._engine = engine
        self._notices = notices

    def run(self, now: datetime) -> int:
        """Remind of what is due for it; return of how many duties. Of steps that were missed the last one counts.

        Raises:
            UNAVAILABLE: the database is busy or away; the next run does the rest.
        """
        due = _DUE.where(duties.c.escalate_at <= now).order_by(duties.c.escalate_at)
        with self._engine.connect() as connection:
            found = connection.execute(due).mappings().all()
        return sum(self._remind(row, now) for row in found)

    def _remind(self, row: RowMapping, now: datetime) -> bool:
        gone = steps_gone(row["opened_at"], row["due_at"], now)
        values: dict[str, Any] = {"escalate_at": next_moment(row["opened_at"], row["due_at"], gone)}
        is_new: bool = gone > row["escalations"]
        if is_new:
            values |= {"escalations": gone, "escalated_at": now}
        with writing(self._engine) as connection:
            hold_partners(connection)
            same = (duties.c[name] == row[name] for name in ("candidate_id", "obligation", "escalate_at"))
            taken = duties.update().where(*same, duties.c.settled_at.is_(None), duties.c.lapsed_at.is_(None))
            if connection.execute(taken.values(values)).rowcount == 0:
                return False  # done since, or taken by another process
            if is_new:
                self._tell(connection, row, STEPS[gone - 1], now)
                refresh(connection, row["flag_id"], now)
        return is_new

    def _tell(self, connection: Connection, row: RowMapping, step: Step, now: datetime) -> None:
        by_owner = row["obligation"] in BY_OWNER
        about = {"candidate_id": row["candidate_id"], "obligation": row["obligation"], "step": step.value}
        to = row["owner"] if by_owner else row["partner"]
        # The owner of an entry knows of no flag.
        told = about | {"due_at": row["due_at"].isoformat()} | ({} if by_owner else {"flag_id": row["flag_id"]})
        self._notices.post(connection, NoticeKind.DEADLINE_NEAR, to, now, told)
        actor, event = Caller(row["partner"], Role.OPERATOR, ACTOR), about | {"flag_id": row["flag_id"]}
        audit.record(connection, EventKind.FLAG_ESCALATED, actor, now, event, review_kept_until(row["log_for"], now))


_DUE: Final = (
    select(duties, flag_candidates.c.owner, flags.c.id.label("flag_id"), *flags.c["partner", "log_for"])
    .join_from(duties, flag_candidates)
    .join(flags)
    .where(duties.c.settled_at.is_(None), duties.c.lapsed_at.is_(None))
)
