"""Releases: where a rule says so, the owner of an entry decides whether the partner that found it sees more.

The owner sees of the request who asks, for which purpose, which entry was found and what would be disclosed: nothing of
the person found, of the score, or of what reviewers have said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, select

from service import audit
from service.audit import EventKind
from service.duties import Duties
from service.errors import AlreadyDecided, NotAskedFor, UnknownRelease
from service.identity import Caller, require
from service.notices import NoticeKind, Notices, hold_partners
from service.review.cases import CaseFile, case_of
from service.review.concluding import Conclusions
from service.review.views import ReleaseRequest
from service.review_schema import release_decisions
from service.roles import Role
from service.schema import duties, flag_candidates, flags
from service.validity import Validity
from watchlists.agreements import Obligation
from watchlists.agreements.release import OwnerDecision
from watchlists.database import writing

RELEASE = Obligation.RELEASE_BY_OWNER


class Releases:
    """Says what an owner is asked to release, and takes its answers."""

    def __init__(
        self,
        engine: Engine,
        notices: Notices,
        owed: Duties,
        validity: Validity,
        conclusions: Conclusions,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._notices = notices
        self._duties = owed
        self._validity = validity
        self._conclusions = conclusions
        self._clock = clock

    def asked_of(self, caller: Caller) -> tuple[ReleaseRequest, ...]:
        """Return what the caller's partner can still release, the nearest deadline first.

        Raises:
            WrongRole: the caller neither keeps the partner's watchlists nor reviews its flags.
        """
        require(caller, Role.SYNC, Role.REVIEWER)
        now = self._clock()
        query = (
            select(
                duties.c.due_at,
                *flag_candidates.c["candidate_id", "watchlist", "entry", "later_level"],
                *flags.c["partner", "purpose", "exercise", "opened_at"],
            )
            .join_from(duties, flag_candidates)
            .join(flags)
            .where(
                flag_candidates.c.owner == caller.partner,
                flag_candidates.c.voided_at.is_(None),
                flag_candidates.c.later_level.is_not(None),
                duties.c.obligation == RELEASE.value,
                duties.c.settled_at.is_(None),
                duties.c.lapsed_at.is_(None),
                duties.c.due_at > now,
            )
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(duties.c.due_at, duties.c.candidate_id)).all()
            asked = [row for row in rows if self._validity.stands(connection, UUID(row.candidate_id), now)]
        return tuple(
            ReleaseRequest(
                candidate=UUID(row.candidate_id),
                partner=row.partner,
                purpose=row.purpose,
                exercise=row.exercise,
                watchlist=row.watchlist,
                entry=row.entry,
                level=row.later_level,
                asked_at=row.opened_at,
                due_at=row.due_at,
            )
            for row in asked
        )

    def decide(self, caller: Caller, candidate: UUID, *, granted: bool) -> bool:
        """Release more of a candidate, or refuse to, in the name of the owner; return whether that is new.

        Raises:
            WrongRole: the caller neither keeps the partner's watchlists nor reviews its flags.
            UnknownRelease: its partner is not asked for that.
            AlreadyDecided: the partner has decided otherwise before.
            NotAskedFor: it is too late, or nothing waits for the owner any more.
        """
        require(caller, Role.SYNC, Role.REVIEWER)
        now = self._clock()
        with writing(self._engine) as connection:
            hold_partners(connection)
            case = self._asked(connection, caller, candidate, now)
            if case.owner_decision is not None:
                if case.owner_decision.granted is not granted:
                    raise AlreadyDecided
                return False
            if case.later is None or not self._duties.settle(connection, candidate, RELEASE, now):
                raise NotAskedFor("the time to decide on this release is over, or nothing waits for it any more")
            self._write(connection, caller, case, granted=granted, now=now)
        return True

    def _asked(self, connection: Connection, caller: Caller, candidate: UUID, now: datetime) -> CaseFile:
        case = case_of(connection, candidate)
        if case is None or case.owner != caller.partner or not case.terms.has(RELEASE):
            raise UnknownRelease
        if not self._validity.stands(connection, candidate, now):
            raise UnknownRelease
        return case

    def _write(self, connection: Connection, caller: Caller, case: CaseFile, *, granted: bool, now: datetime) -> None:
        row = {"candidate_id": case.id, "partner": caller.partner, "name": caller.name, "at": now}
        connection.execute(release_decisions.insert().values(**row, granted=granted))
        details = {"candidate_id": case.id, "partner": case.partner}
        kind = EventKind.RELEASE_GRANTED if granted else EventKind.RELEASE_REFUSED
        audit.record(connection, kind, caller, now, details)
        if not granted:
            told = {"flag_id": case.flag_id, "candidate_id": case.id}
            self._notices.post(connection, NoticeKind.RELEASE_REFUSED, case.partner, now, told)
        decided = replace(case, owner_decision=OwnerDecision(granted=granted, at=now))
        self._conclusions.draw(connection, decided, now)
