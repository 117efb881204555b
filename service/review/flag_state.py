"""Where a flag stands in the queue: reckoned from its candidates and duties whenever one of them changes.

The queue reads it off the row of the flag, by an index. It tells nobody that a first verdict of two is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select

from service.review.views import FlagState, Urgency
from service.schema import duties, flag_candidates, flags
from watchlists.agreements.release import Settlement

NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""The deadline of what has none, so that it is queued behind what has one."""
_OWED: Final = and_(
    duties.c.candidate_id == flag_candidates.c.candidate_id,
    duties.c.settled_at.is_(None),
    duties.c.lapsed_at.is_(None),
)
# Made once: to build a statement takes longer than to run it.
_FLAG: Final = select(flags).where(flags.c.id == bindparam("flag"))
_PARTS: Final = (
    select(*flag_candidates.c["candidate_id", "voided_at", "review", "silent"], *duties.c["due_at", "escalations"])
    .add_columns(duties.c.obligation)
    .join_from(flag_candidates, duties, _OWED, isouter=True)
    .where(flag_candidates.c.flag_id == bindparam("flag"))
)
_PLACE: Final = (
    flags.update()
    .where(flags.c.id == bindparam("flag"))
    .values(state=bindparam("now_state"), rank=bindparam("now_rank"), queued_at=bindparam("now_at"))
)


@dataclass(frozen=True, slots=True)
class Part:
    """A candidate, as far as it counts. Args: void: nothing of it stands. due: deadlines of its open duties."""

    void: bool
    review: Settlement
    owed: int
    due: tuple[datetime, ...]
    escalations: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a flag is queued. Args: at: the next deadline; of what is over, when it was over."""

    state: FlagState
    urgency: Urgency
    at: datetime

    @property
    def rank(self) -> int:
        """0 is looked at first."""
        return max(Urgency) - self.urgency


def place_of(parts: Iterable[Part], least: Urgency, *, overdue: bool, now: datetime) -> Place:
    """Return where a flag stands.

    Args:
        parts: its candidates.
        least: how urgent it is from the beginning.
        overdue: a confirmation did not come in time.
        now: when it is over, if it is.
    """
    standing = [part for part in parts if not part.void]
    if not standing:
        return Place(FlagState.VOID, Urgency.ROUTINE, now)
    to_review = any(not part.review.final for part in standing)
    if not to_review and not any(part.owed for part in standing):
        return Place(FlagState.SETTLED, Urgency.ROUTINE, now)
    state = FlagState.OPEN if to_review else FlagState.WAITING
    due = min((moment for part in standing for moment in part.due), default=NEVER)
    reminded = Urgency(min(max(part.escalations for part in standing), Urgency.URGENT))
    return Place(state, Urgency.OVERDUE if overdue and to_review else max(least, reminded), due)


def least_urgency(*, emergency: bool, silent: bool) -> Urgency:
    """How urgent a flag is from the beginning."""
    if emergency:
        return Urgency.URGENT
    return Urgency.RAISED if silent else Urgency.ROUTINE


def refresh(connection: Connection, flag_id: str, now: datetime) -> FlagState:
    """Put a flag where it belongs in the queue, in the transaction that changed something of it."""
    flag = connection.execute(_FLAG, {"flag": flag_id}).mappings().one()
    parts, silent = _parts(connection, flag_id)
    least = least_urgency(emergency=flag["emergency"], silent=silent)
    place = place_of(parts, least, overdue=flag["overdue_at"] is not None, now=now)
    over = place.state in (FlagState.SETTLED, FlagState.VOID)
    if over and flag["state"] == place.state.value:
        return place.state  # it is over since before
    values = {"flag": flag_id, "now_state": place.state.value, "now_rank": place.rank, "now_at": place.at}
    connection.execute(_PLACE, values)
    return place.state


def _parts(connection: Connection, flag_id: str) -> tuple[list[Part], bool]:
    rows = connection.execute(_PARTS, {"flag": flag_id}).all()
    by_candidate: dict[str, list[Any]] = {}
    for row in rows:
        by_candidate.setdefault(row.candidate_id, []).append(row)
    return [_part(found) for found in by_candidate.values()], any(row.silent for row in rows)


def _part(rows: Sequence[Any]) -> Part:
    owed = [row for row in rows if row.obligation is not None]
    return Part(
        void=rows[0].voided_at is not None,
        review=Settlement(rows[0].review),
        owed=len(owed),
        due=tuple(row.due_at for row in owed if row.due_at is not None),
        escalations=max((row.escalations for row in owed), default=0),
    )
