"""What a disclosure leaves to be done by people, and what happens where it is not done in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, and_, or_, select

from service.flagged import FlaggedCandidate, FlagToOpen, Owed
from service.lapses import CONSEQUENCES, Lapse
from service.notices import NoticeDetails, NoticeKind, Notices
from service.schema import checks, duties, flag_candidates, flags
from watchlists.agreements import Obligation
from watchlists.database import wipe_deleted, writing


class Duties:
    """Keeps the duties of candidates, from the check that opened them until they are settled or lapse."""

    def __init__(self, engine: Engine, notices: Notices) -> None:
        self._engine = engine
        self._notices = notices

    def open(self, connection: Connection, flag: FlagToOpen) -> None:
        """Write down what is owed of the candidates, and tell their owners, in the transaction that opens the flag.

        The candidates' own rows are there already.
        """
        for candidate in flag.candidates:
            for duty in candidate.owed:
                told = _notice_of(duty, flag, candidate)
                if told is not None:
                    self._notices.post(connection, told[0], candidate.owner, flag.at, told[1])
                at_once = duty.obligation is Obligation.NOTIFY_OWNER
                connection.execute(
                    duties.insert().values(
                        candidate_id=str(candidate.id),
                        obligation=duty.obligation.value,
                        opened_at=flag.at,
                        due_at=duty.due_at,
                        settled_at=flag.at if at_once else None,
                    )
                )

    def settle(self, connection: Connection, candidate_id: UUID, obligation: Obligation, now: datetime) -> bool:
        """Write down that a duty is done; return whether it still could be: it is owed, and not too late.

        A duty that was settled before stays so, and the answer is False.
        """
        settled = duties.update().where(
            duties.c.candidate_id == str(candidate_id),
            duties.c.obligation == obligation.value,
            _is_open(),
            or_(duties.c.due_at.is_(None), duties.c.due_at > now),
        )
        return connection.execute(settled.values(settled_at=now)).rowcount == 1

    def unsettled(self, connection: Connection, candidate_id: UUID, now: datetime) -> tuple[Owed, ...]:
        """Return the duties of a candidate that wait for people and can still be settled."""
        query = select(duties.c.obligation, duties.c.due_at).where(
            duties.c.candidate_id == str(candidate_id),
            _is_open(),
            or_(duties.c.due_at.is_(None), duties.c.due_at > now),
        )
        rows = connection.execute(query.order_by(duties.c.obligation)).all()
        return tuple(Owed(Obligation(row.obligation), row.due_at) for row in rows)

    def due(self, now: datetime) -> Sequence[Lapse]:
        """Return the duties whose deadline has passed without anybody settling them, the oldest first."""
        query = (
            select(duties, flag_candidates.c.owner, flags.c.id.label("flag_id"), flags.c.partner, flags.c.check_id)
            .join_from(duties, flag_candidates)
            .join(flags)
            .where(_is_open(), duties.c.due_at <= now)
            .order_by(duties.c.due_at, duties.c.candidate_id, duties.c.obligation)
        )
        with self._engine.connect() as connection:
            return [_lapse(row) for row in connection.execute(query).mappings()]

    def run(self, now: datetime) -> int:
        """Let take effect what has passed its deadline unsettled; return how many duties that were.

        Each in a transaction of its own that marks it too: it happens once, however often this runs or is broken off.
        """
        ran = [lapse for lapse in self.due(now) if self._take_effect(lapse, now)]
        if any(lapse.obligation is Obligation.EX_POST_AUTHORISATION for lapse in ran):
            wipe_deleted(self._engine, checks, flag_candidates)
        return len(ran)

    def _take_effect(self, lapse: Lapse, now: datetime) -> bool:
        with writing(self._engine) as connection:
            marked = duties.update().where(
                duties.c.candidate_id == lapse.candidate_id, duties.c.obligation == lapse.obligation.value, _is_open()
            )
            if connection.execute(marked.values(lapsed_at=now)).rowcount == 0:
                return False  # settled, or taken by another process, since it was found
            CONSEQUENCES[lapse.obligation](connection, self._notices, lapse, now)
        return True


def _notice_of(duty: Owed, flag: FlagToOpen, candidate: FlaggedCandidate) -> tuple[NoticeKind, NoticeDetails] | None:
    """What the owner is told at once of a duty; None if nothing."""
    details: dict[str, str | bool | None] = {
        "partner": flag.partner,
        "purpose": flag.purpose,
        "candidate_id": str(candidate.id),
        "watchlist": candidate.watchlist,
        "entry": candidate.entry,
        "exercise": flag.exercise,
    }
    if duty.obligation is Obligation.RELEASE_BY_OWNER and duty.due_at is not None:
        return NoticeKind.RELEASE_REQUESTED, details | {"due_at": duty.due_at.isoformat()}
    if duty.obligation is Obligation.NOTIFY_OWNER and flag.emergency is not None:
        return NoticeKind.EMERGENCY_USED, details | {"emergency": str(flag.emergency)}
    return (NoticeKind.ENTRY_FOUND, details) if duty.obligation is Obligation.NOTIFY_OWNER else None


def _is_open() -> ColumnElement[bool]:
    return and_(duties.c.settled_at.is_(None), duties.c.lapsed_at.is_(None))


def _lapse(row: RowMapping) -> Lapse:
    return Lapse(
        candidate_id=row["candidate_id"],
        obligation=Obligation(row["obligation"]),
        due_at=row["due_at"],
        owner=row["owner"],
        flag_id=row["flag_id"],
        partner=row["partner"],
        check_id=row["check_id"],
    )
