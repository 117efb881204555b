"""What a disclosure leaves to be done by people, and what happens where it is not done in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, and_, or_, select

from service.errors import place_of
from service.flagged import FlaggedCandidate, FlagToOpen, Owed
from service.lapses import CONSEQUENCES, Lapse
from service.notices import NoticeDetails, NoticeKind, Notices
from service.review.escalation import next_moment
from service.review.flag_state import refresh
from service.schema import duties, flag_candidates, flags
from service.telemetry import log
from service.validity import Validity
from watchlists.agreements import Obligation
from watchlists.database import UNAVAILABLE, writing

_INSERT: Final = duties.insert()


@dataclass(frozen=True, slots=True)
class DueDuty:
    """A duty whose deadline has passed, as it is found; this version need not know the word of its obligation."""

    candidate_id: str
    obligation: str


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run did: how many duties took effect, and how many could not."""

    lapsed: int
    unreadable: int


class Duties:
    """Keeps the duties of candidates, from the check that opened them until they are settled or lapse."""

    def __init__(self, engine: Engine, notices: Notices, validity: Validity) -> None:
        self._engine = engine
        self._notices = notices
        self._validity = validity
        self._unreadable = set[DueDuty]()

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
                    _INSERT,
                    {
                        "candidate_id": str(candidate.id),
                        "obligation": duty.obligation.value,
                        "opened_at": flag.at,
                        "due_at": duty.due_at,
                        "settled_at": flag.at if at_once else None,
                        "escalate_at": None if at_once or duty.due_at is None else next_moment(flag.at, duty.due_at, 0),
                    },
                )

    def settle(self, connection: Connection, candidate_id: UUID, obligation: Obligation, now: datetime) -> bool:
        """Write down that a duty is done; return whether it still could be: it is owed, and not too late.

        It is too late at its deadline, and once the agreement has ended by which the candidate came in. A duty that was
        settled before stays so, and the answer is False.
        """
        if not self._validity.stands(connection, candidate_id, now):
            return False
        settled = duties.update().where(
            duties.c.candidate_id == str(candidate_id),
            duties.c.obligation == obligation.value,
            _is_open(),
            _is_in_time(now),
        )
        return connection.execute(settled.values(settled_at=now)).rowcount == 1

    def unsettled(self, connection: Connection, candidate_id: UUID, now: datetime) -> tuple[Owed, ...]:
        """Return the duties of a candidate that wait for people and can still be settled."""
        if not self._validity.stands(connection, candidate_id, now):
            return ()
        query = select(duties.c.obligation, duties.c.due_at).where(
            duties.c.candidate_id == str(candidate_id), _is_open(), _is_in_time(now)
        )
        rows = connection.execute(query.order_by(duties.c.obligation)).all()
        return tuple(Owed(Obligation(row.obligation), row.due_at) for row in rows)

    def due(self, now: datetime) -> Sequence[DueDuty]:
        """Return the duties whose deadline has passed without anybody settling them, the oldest first."""
        query = select(*duties.c["candidate_id", "obligation"]).where(_is_open(), duties.c.due_at <= now)
        order = duties.c["due_at", "candidate_id", "obligation"]
        with self._engine.connect() as connection:
            return [DueDuty(*row) for row in connection.execute(query.order_by(*order))]

    def run(self, now: datetime) -> Ran:
        """Let take effect what has passed its deadline unsettled.

        Each in a transaction of its own that marks it too: it happens once, however often this runs or is broken off.
        One that cannot be read stays as it is, for people to look into, and does not keep the others waiting.

        Raises:
            UNAVAILABLE: the database is busy or away; the next run does the rest.
        """
        lapsed, unreadable = 0, set[DueDuty]()
        for duty in self.due(now):
            try:
                lapsed += self._take_effect(duty, now)
            except UNAVAILABLE:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other duties must take effect
                if duty not in self._unreadable:
                    log.error("a duty did not take effect: %s at %s", type(error).__name__, place_of(error))
                unreadable.add(duty)
        self._unreadable = unreadable
        return Ran(lapsed, len(unreadable))

    def _take_effect(self, duty: DueDuty, now: datetime) -> bool:
        it = duties.c.candidate_id == duty.candidate_id, duties.c.obligation == duty.obligation
        with writing(self._engine) as connection:
            if connection.execute(duties.update().where(*it, _is_open()).values(lapsed_at=now)).rowcount == 0:
                return False  # settled, or taken by another process, since it was found
            lapse = _lapse(connection.execute(_LAPSES.where(*it)).mappings().one())
            CONSEQUENCES[lapse.obligation](connection, self._notices, lapse, now)
            refresh(connection, lapse.flag_id, now)
        return True


_LAPSES: Final = (
    select(duties, flag_candidates.c.owner, flags.c.id.label("flag_id"), *flags.c["partner", "check_id"])
    .join_from(duties, flag_candidates)
    .join(flags)
)


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


def _is_in_time(now: datetime) -> ColumnElement[bool]:
    """`watchlists.agreements.release.in_time`, for the database."""
    return or_(duties.c.due_at.is_(None), duties.c.due_at > now)


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
