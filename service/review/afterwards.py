"""Authorisations afterwards: an authority has to authorise what was seen, within some time, or it is purged.

Regulation (EU) 2024/1689, Art. 26(10): the side that searched asks a judicial authority, or an administrative one whose
decision is binding. The desk of the partner that asked writes down what it answered: whose decision, and its reference.
A refusal purges at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, select

from service import audit
from service.audit import EventKind
from service.duties import Duties
from service.errors import AlreadyDecided, NotAskedFor, UnknownFlag
from service.identity import Caller, require
from service.log_terms import review_kept_until
from service.notices import NoticeKind, Notices, hold_partners
from service.purge import Purged, purge
from service.review.cases import CaseFile, case_of
from service.review.flag_state import refresh
from service.review.reading import Reading
from service.review.views import ToAuthorise
from service.review_schema import late_authorisations
from service.roles import Role
from service.schema import duties, flag_candidates, flags
from watchlists.agreements import Obligation
from watchlists.database import writing
from watchlists.keys import KeyRing

EX_POST: Final = Obligation.EX_POST_AUTHORISATION
SEALED_TEXT: Final = "authorisation afterwards"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authority has answered. Args: text: which authority, and the reference of its decision."""

    candidate: UUID
    granted: bool
    text: str = field(repr=False)


class LateAuthorisations:
    """Says what waits for one, and takes the answers of authorities."""

    def __init__(
        self,
        engine: Engine,
        keys: KeyRing,
        notices: Notices,
        owed: Duties,
        reading: Reading,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._notices = notices
        self._duties = owed
        self._reading = reading
        self._clock = clock

    def waiting(self, caller: Caller) -> tuple[ToAuthorise, ...]:
        """Return what the caller's partner has still to have authorised, the nearest deadline first.

        Raises:
            WrongRole: the caller is no reviewer.
        """
        require(caller, Role.REVIEWER)
        now = self._clock()
        query = (
            select(
                duties.c.due_at,
                *flag_candidates.c["candidate_id", "owner"],
                *flags.c["id", "purpose", "exercise"],
            )
            .join_from(duties, flag_candidates)
            .join(flags)
            .where(
                flags.c.partner == caller.partner,
                flag_candidates.c.voided_at.is_(None),
                duties.c.obligation == EX_POST.value,
                duties.c.settled_at.is_(None),
                duties.c.lapsed_at.is_(None),
                duties.c.due_at > now,
            )
        )
        validity = self._reading.validity
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(duties.c.due_at, duties.c.candidate_id)).all()
            standing = [row for row in rows if validity.stands(connection, UUID(row.candidate_id), now)]
        return tuple(
            ToAuthorise(UUID(row.id), UUID(row.candidate_id), row.owner, row.purpose, row.exercise, row.due_at)
            for row in standing
        )

    def answer(self, caller: Caller, flag_id: UUID, answer: Answer) -> bool:
        """Write down what an authority has answered; return whether that is new. After a refusal nothing is left.

        Raises:
            WrongRole: the caller is no reviewer.
            UnknownFlag: the caller's partner has opened no such flag, or it has no such candidate.
            AlreadyDecided: another answer was written down before.
            NotAskedFor: no authorisation is asked for, it is too late, or the candidate is void.
        """
        require(caller, Role.REVIEWER)
        now = self._clock()
        with writing(self._engine) as connection:
            hold_partners(connection)
            case = self._own(connection, caller, flag_id, answer.candidate, now)
            if (before := self._before(connection, case)) is not None:
                if before is not answer.granted:
                    raise AlreadyDecided
                return False
            if not self._duties.settle(connection, answer.candidate, EX_POST, now):
                raise NotAskedFor("no authorisation afterwards is asked for here, or its time is over")
            self._write(connection, caller, case, answer, now)
        return True

    def _own(self, connection: Connection, caller: Caller, flag_id: UUID, candidate: UUID, now: datetime) -> CaseFile:
        """Return a candidate of the caller's partner: others at a joint desk do not answer to its authorities."""
        flag, case = self._reading.flag(connection, caller, flag_id, now), case_of(connection, candidate)
        if case is None or case.flag_id != flag["id"] or case.partner != caller.partner:
            raise UnknownFlag
        return case

    def _before(self, connection: Connection, case: CaseFile) -> bool | None:
        query = select(late_authorisations.c.granted).where(late_authorisations.c.candidate_id == case.id)
        granted: bool | None = connection.execute(query).scalar_one_or_none()
        return granted

    def _write(self, connection: Connection, caller: Caller, case: CaseFile, answer: Answer, now: datetime) -> None:
        parts = case.id, caller.name
        text = answer.text.encode()
        sealed = self._keys.seal_for(caller.partner, SEALED_TEXT, text, *parts, connection=connection)
        row = {"candidate_id": case.id, "partner": caller.partner, "name": caller.name, "at": now}
        connection.execute(late_authorisations.insert().values(**row, granted=answer.granted, sealed_text=sealed))
        if not answer.granted:
            self._purge(connection, case, now)
        details = {"flag_id": case.flag_id, "candidate_id": case.id}
        kind = EventKind.AUTHORISED_AFTERWARDS if answer.granted else EventKind.REFUSED_AFTERWARDS
        audit.record(connection, kind, caller, now, details, review_kept_until(case.log_for, now))
        refresh(connection, case.flag_id, now)

    def _purge(self, connection: Connection, case: CaseFile, now: datetime) -> None:
        purge(connection, Purged(case.id, case.partner, case.check_id), now)
        told = {"candidate_id": case.id, "obligation": EX_POST.value}
        self._notices.post(connection, NoticeKind.DATA_PURGED, case.partner, now, told | {"flag_id": case.flag_id})
        if case.owner != case.partner:
            about = told | {"partner": case.partner}
            self._notices.post(connection, NoticeKind.DATA_PURGED, case.owner, now, about)
