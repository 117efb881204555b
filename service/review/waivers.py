"""Waivers: the second of two reviewers is done without, where the terms allow it, on a legal ground that is recorded.

Regulation (EU) 2024/1689, Art. 14(5), asks for two natural persons, and lets Union or national law find that
disproportionate for law enforcement, migration, border control or asylum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from service import audit
from service.audit import EventKind
from service.errors import AlreadyDecided, NotAskedFor, OwnEntry
from service.identity import Caller, require
from service.log_terms import review_kept_until
from service.notices import hold_partners
from service.review.cases import CaseFile, Waived
from service.review.concluding import Conclusions
from service.review.reading import Reading
from service.review.words import SEALED_GROUND, Words
from service.review_schema import waivers
from service.roles import Role
from watchlists.database import writing


def may_waive(case: CaseFile) -> bool:
    """Whether a second reviewer is asked for who may be done without, and has not said anything yet."""
    return case.terms.reviewers.waivable and case.needed > 1 and len(case.said) < case.needed


class Waivers:
    """Takes waivers."""

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

    def waive(self, caller: Caller, flag_id: UUID, candidate: UUID, ground: str) -> bool:
        """Do without the second reviewer of a candidate; return whether that is new. `ground` names the law.

        Raises:
            WrongRole: the caller is no reviewer.
            UnknownFlag: there is no such candidate at a desk of the caller.
            AlreadyDecided: it was waived before, by somebody else or on another ground.
            OwnEntry: the caller has entered the alert.
            NotAskedFor: the terms do not allow it, or the second reviewer has said theirs, or the candidate is void.
        """
        require(caller, Role.REVIEWER)
        now = self._clock()
        with writing(self._engine) as connection:
            hold_partners(connection)
            case = self._reading.case(connection, caller, flag_id, candidate, now)
            if case.waived is not None:
                self._require_same(connection, caller, case, case.waived, ground)
                return False
            if case.is_author(caller):
                raise OwnEntry
            if not may_waive(case):
                raise NotAskedFor("no second reviewer is asked for here who may be done without")
            self._write(connection, caller, case, ground, now)
        return True

    def _write(self, connection: Connection, caller: Caller, case: CaseFile, ground: str, now: datetime) -> None:
        waived = Waived(
            caller.partner, caller.name, now, self._words.seal(connection, SEALED_GROUND, case, caller, ground)
        )
        connection.execute(
            waivers.insert().values(
                candidate_id=case.id,
                partner=waived.partner,
                reviewer=waived.reviewer,
                at=now,
                asker=case.partner,
                sealed_ground=waived.sealed_ground,
            )
        )
        details = {"flag_id": case.flag_id, "candidate_id": case.id}
        keep_until = review_kept_until(case.log_for, now)
        audit.record(connection, EventKind.REVIEWER_WAIVED, caller, now, details, keep_until)
        self._conclusions.draw(connection, replace(case, waived=waived), now)

    def _require_same(
        self, connection: Connection, caller: Caller, case: CaseFile, waived: Waived, ground: str
    ) -> None:
        by = waived.partner, waived.reviewer
        known = self._words.open(connection, SEALED_GROUND, case, by, waived.sealed_ground)
        if (*by, known) != (caller.partner, caller.name, ground):
            raise AlreadyDecided
