"""Finds flags and candidates for somebody, and nothing that they may not see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select

from service.errors import NotAskedFor, UnknownFlag
from service.identity import Caller
from service.review.access import desks_of, may_see
from service.review.cases import CaseFile, case_of
from service.schema import flags
from service.validity import Validity
from watchlists.agreements import RuleBook


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads with the rule book that is in force at that moment."""

    rules: Callable[[], RuleBook]
    validity: Validity

    def flag(self, connection: Connection, caller: Caller, flag_id: UUID, now: datetime) -> RowMapping:
        """Return the row of a flag.

        Raises:
            UnknownFlag: there is none of that id at a desk of the caller.
        """
        row = connection.execute(select(flags).where(flags.c.id == str(flag_id))).mappings().one_or_none()
        desks = desks_of(caller.partner, self.rules().in_force(now))
        if row is None or not may_see(desks, row["partner"], row["desk"]):
            raise UnknownFlag
        return row

    def case(
        self, connection: Connection, caller: Caller, flag_id: UUID, candidate_id: UUID, now: datetime
    ) -> CaseFile:
        """Return a candidate of a flag that stands.

        Raises:
            UnknownFlag: there is no such candidate at a desk of the caller.
            NotAskedFor: it is void.
        """
        row = self.flag(connection, caller, flag_id, now)
        case = case_of(connection, candidate_id)
        if case is None or case.flag_id != row["id"]:
            raise UnknownFlag
        if not self.validity.stands(connection, candidate_id, now):
            raise NotAskedFor("nothing of this candidate stands any more")
        return case
