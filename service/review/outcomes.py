"""What a terminal may know of a check afterwards: what people have come to, and what it may see now.

1. Only the terminal that made the check is told anything.
2. Of a candidate whom it may not see it learns nothing: of a silent alarm never, of what waits for people not before
   it is released. Whoever fetches such a check gets what is fetched of a check that found nobody, and of one that was
   never made: the same bytes, with the same status, for ever.
3. Nor does the time tell: what is not seen is not looked at, and an answer takes a multiple of a step (`service.pace`).
4. Nothing is written where nothing is seen, so that the log is that of an empty world too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, exists, or_, select

from service import audit
from service.api.messages import CandidateMessage
from service.audit import EventKind
from service.identity import Caller, require
from service.log_terms import review_kept_until
from service.pace import wait_out
from service.review.cases import CaseFile, cases_of_flag
from service.review.reading import Reading
from service.review.seeing import Eyes, Sight
from service.roles import Role
from service.schema import flag_candidates, flags
from service.validity import Standing
from watchlists.agreements import Level
from watchlists.agreements.release import ReleaseState, Settlement
from watchlists.database import writing
from watchlists.errors import EntryChanged, UnknownEntry

STEP: Final = 0.02
"""Seconds, or a multiple of them, that an answer takes."""


_MORE: Final = frozenset(
    {ReleaseState.WAITING_FOR_REVIEWERS, ReleaseState.WAITING_FOR_THIRD, ReleaseState.WAITING_FOR_OWNER}
)


@dataclass(frozen=True, slots=True)
class CandidateOutcome:
    """A candidate that the terminal may see.

    Args:
        review: what people have come to; open, until they have.
        more: there is more that may be seen later.
    """

    shown: CandidateMessage
    review: Settlement
    more: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a terminal may know. Args: flag: None if there is nothing that it may see."""

    flag: UUID | None = None
    candidates: tuple[CandidateOutcome, ...] = ()


class Outcomes:
    """Tells terminals."""

    def __init__(self, engine: Engine, reading: Reading, eyes: Eyes, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._reading = reading
        self._eyes = eyes
        self._clock = clock

    def of(self, caller: Caller, check_id: UUID) -> Outcome:
        """Return what the caller may know of a check.

        Raises:
            WrongRole: the caller is no terminal.
            EntryChanged: an entry was written twice while it was looked at; the terminal should ask again.
        """
        require(caller, Role.TERMINAL)
        begun = time.perf_counter()
        try:
            return self._of(caller, check_id, self._clock())
        finally:
            wait_out(begun, STEP)

    def _of(self, caller: Caller, check_id: UUID, now: datetime) -> Outcome:
        with self._engine.connect() as connection:
            # A check id may be used again once its answer is forgotten: the last flag of which something is seen.
            for row in self._flags(connection, caller, check_id):
                try:
                    found = self._candidates(connection, row["id"], now)
                except (EntryChanged, UnknownEntry):
                    found = self._candidates(connection, row["id"], now)
                if found:
                    break
            else:
                return Outcome()
        with writing(self._engine) as connection:
            shown = [each.shown.level for each in found]
            details = {"flag_id": row["id"], "check_id": str(check_id), "levels": shown}
            keep_until = review_kept_until(row["log_for"], now)
            audit.record(connection, EventKind.DISCLOSURE_FETCHED, caller, now, details, keep_until)
        return Outcome(UUID(row["id"]), tuple(found))

    def _flags(self, connection: Connection, caller: Caller, check_id: UUID) -> Sequence[RowMapping]:
        query = select(flags).where(
            flags.c.partner == caller.partner,
            flags.c.check_id == str(check_id),
            flags.c.terminal == caller.name,
            exists().where(flag_candidates.c.flag_id == flags.c.id, *_IS_SHOWN),
        )
        return connection.execute(query.order_by(flags.c.opened_at.desc(), flags.c.id)).mappings().all()

    def _candidates(self, connection: Connection, flag_id: str, now: datetime) -> Sequence[CandidateOutcome]:
        standing = {each.id: each for each in self._reading.validity.standing(connection, [flag_id], now)}
        found = []
        for case in cases_of_flag(connection, flag_id):
            candidate = standing.get(case.id)
            if candidate is not None and _is_shown(case, candidate):
                sight = self._eyes.look(candidate, case.sequence_now, now)
                if sight.masked is not None:
                    found.append(_outcome(case, sight, now))
        return found


_IS_SHOWN: Final = (
    flag_candidates.c.silent.is_(False),
    or_(flag_candidates.c.level != Level.NONE.word, flag_candidates.c.released_at.is_not(None)),
)
"""`_is_shown`, for the database."""


def _is_shown(case: CaseFile, candidate: Standing) -> bool:
    return not case.silent and candidate.visible is not Level.NONE


def _outcome(case: CaseFile, sight: Sight, now: datetime) -> CandidateOutcome:
    shown = CandidateMessage.model_validate({"candidate_id": case.id, "owner": case.owner, **(sight.masked or {})})
    review = case.settlement if case.settlement.final else Settlement.OPEN
    return CandidateOutcome(shown, review, case.release(now) in _MORE)
