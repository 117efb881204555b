"""Verdicts: each reviewer gives one on a candidate, and it stays.

In order: who may, of what; what was said before; whether it is still asked for; then all that follows, in one
transaction. Whoever writes has its turn from the beginning of the transaction on both databases, so that of two
reviewers at the same moment one comes second, and finds what the first has done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from service import audit
from service.audit import EventKind
from service.errors import NotAskedFor, OwnEntry, VerdictConflict
from service.identity import Caller, require
from service.log_terms import review_kept_until
from service.notices import hold_partners
from service.review.cases import CaseFile, Said
from service.review.concluding import Conclusions
from service.review.reading import Reading
from service.review.words import SEALED_REASON, Words
from service.review_schema import verdicts
from service.roles import Role
from watchlists.agreements.release import VerdictKind
from watchlists.database import writing


@dataclass(frozen=True, slots=True)
class Given:
    """What a reviewer says of a candidate, and why; the reason may name people."""

    candidate: UUID
    kind: VerdictKind
    reason: str = field(repr=False)


class Verdicts:
    """Takes verdicts."""

    def __init__(
        self,
        engine: Engine,
        words: Words,
        reading: Reading,
        conclusions: Conclusions,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._words = words
        self._reading = reading
        self._conclusions = conclusions
        self._clock = clock

    def give(self, caller: Caller, flag_id: UUID, given: Given) -> bool:
        """Take a verdict; return whether it is new. The same again changes nothing.

        Raises:
            WrongRole: the caller is no reviewer.
            UnknownFlag: there is no such candidate at a desk of the caller.
            OwnEntry: the caller has entered the alert.
            VerdictConflict: the caller has said something else before.
            NotAskedFor: as many have said theirs as are needed, or the candidate is void.
        """
        require(caller, Role.REVIEWER)
        now = self._clock()
        with writing(self._engine) as connection:
            hold_partners(connection)
            # 1. Of a desk of the caller, and it stands.
            case = self._reading.case(connection, caller, flag_id, given.candidate, now)
            # 2. What a reviewer has said stays; the same again is a repeated request.
            if (before := case.said_by(caller)) is not None:
                self._require_same(connection, case, before, given)
                return False
            # 3. Whoever entered the alert does not confirm it.
            if case.is_author(caller):
                raise OwnEntry
            # 4. Nobody is asked once people have settled it, nor where there is nothing left to compare.
            if case.settlement.final:
                raise NotAskedFor("as many reviewers as are needed have said theirs")
            # 5. Write it down, let follow what follows, audit.
            self._write(connection, caller, case, given, now)
        return True

    def _write(self, connection: Connection, caller: Caller, case: CaseFile, given: Given, now: datetime) -> None:
        sealed = self._words.seal(connection, SEALED_REASON, case, caller, given.reason)
        said = Said(caller.partner, caller.name, given.kind, now, sealed)
        row = {"candidate_id": case.id, "partner": caller.partner, "reviewer": caller.name, "asker": case.partner}
        connection.execute(verdicts.insert().values(**row, kind=given.kind.value, at=now, sealed_reason=sealed))
        details = {"flag_id": case.flag_id, "candidate_id": case.id, "verdict": given.kind.value}
        keep_until = review_kept_until(case.log_for, now)
        audit.record(connection, EventKind.VERDICT_GIVEN, caller, now, details, keep_until)
        self._conclusions.draw(connection, case.with_verdict(said), now)

    def _require_same(self, connection: Connection, case: CaseFile, before: Said, again: Given) -> None:
        sealed, by = before.sealed_reason, (before.partner, before.reviewer)
        reason = None if sealed is None else self._words.open(connection, SEALED_REASON, case, by, sealed)
        if (before.kind, reason) != (again.kind, again.reason):
            raise VerdictConflict
