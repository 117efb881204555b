"""Emergencies: declared by a supervisor with a justification, for hours at most, and told to every partner concerned.

What an emergency opens is for agreements to say; here is only whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, select

from service import audit
from service.audit import EventKind
from service.errors import EmergencyConflict, UnknownEmergency, UntilOutOfRange
from service.identity import Caller, require
from service.notices import NoticeKind, Notices
from service.roles import Role
from service.schema import emergencies
from watchlists.agreements import Agreement, RuleBook
from watchlists.agreements.vocabulary import context_reads
from watchlists.database import writing
from watchlists.keys import KeyRing

SEALED_JUSTIFICATION = "justification of an emergency"


@dataclass(frozen=True, slots=True)
class Emergency:
    """One emergency as it was declared."""

    partner: str
    id: UUID
    declared_at: datetime
    until: datetime
    justification: str = field(repr=False)


class Emergencies:
    """Takes declarations, and knows what is declared. `rules` returns the rule book in force."""

    def __init__(
        self,
        engine: Engine,
        keys: KeyRing,
        notices: Notices,
        rules: Callable[[], RuleBook],
        longest: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._notices = notices
        self._rules = rules
        self._longest = longest
        self._clock = clock

    def declare(self, caller: Caller, identifier: UUID, justification: str, until: datetime) -> tuple[Emergency, bool]:
        """Declare an emergency for the caller's partner and tell the others; return it, and whether it is new.

        Raises:
            WrongRole: the caller is no supervisor.
            UntilOutOfRange: it would end in the past, or later than is allowed.
            EmergencyConflict: the id was used before, for something else or for an emergency that has ended.
        """
        # 1. Only a supervisor declares, each for its own partner.
        require(caller, Role.REVIEWER)
        now = self._clock()
        # 2. Not for longer than an operator allows.
        if not now < until <= now + self._longest:
            raise UntilOutOfRange(f"an emergency ends in the future, at most {self._longest} from now")
        declared = Emergency(caller.partner, identifier, now, until, justification)
        with writing(self._engine) as connection:
            # 3. Declaring the same again changes nothing, and tells nobody twice.
            known = _find(connection, caller.partner, identifier)
            if known is not None:
                return self._same(connection, known, declared), False
            # 4. Write it down, tell the others, audit: in one transaction, or not at all.
            self._write(connection, declared)
            told = self._tell(connection, declared)
            details = {"emergency": str(identifier), "until": until.isoformat(), "told": told}
            audit.record(connection, EventKind.EMERGENCY_DECLARED, caller, now, details)
        return declared, True

    def end(self, caller: Caller, identifier: UUID) -> None:
        """End an emergency of the caller's partner at once; one that has ended stays so.

        Raises:
            WrongRole: the caller is no supervisor.
            UnknownEmergency: its partner has declared none of that id.
        """
        require(caller, Role.REVIEWER)
        now = self._clock()
        with writing(self._engine) as connection:
            known = _find(connection, caller.partner, identifier)
            if known is None:
                raise UnknownEmergency("the caller's partner has declared no emergency of that id")
            if _is_active(known, now):
                connection.execute(emergencies.update().where(*_is(caller.partner, identifier)).values(ended_at=now))
                details = {"emergency": str(identifier)}
                audit.record(connection, EventKind.EMERGENCY_ENDED, caller, now, details)

    def active(self, partner: str, identifier: UUID, now: datetime) -> bool:
        """Whether `partner` has declared that emergency, and it has not ended."""
        with self._engine.connect() as connection:
            known = _find(connection, partner, identifier)
        return known is not None and _is_active(known, now)

    def _same(self, connection: Connection, known: RowMapping, again: Emergency) -> Emergency:
        sealed, purpose, identifier = known["sealed_justification"], SEALED_JUSTIFICATION, known["id"]
        opened = self._keys.open_for(known["partner"], purpose, sealed, identifier, connection=connection)
        justification = opened.decode()
        if (justification, known["until"], known["ended_at"]) != (again.justification, again.until, None):
            raise EmergencyConflict("an emergency of this id was declared before")
        return replace(again, declared_at=known["declared_at"])

    def _write(self, connection: Connection, declared: Emergency) -> None:
        partner, identifier = declared.partner, str(declared.id)
        text = declared.justification.encode()
        sealed = self._keys.seal_for(partner, SEALED_JUSTIFICATION, text, identifier, connection=connection)
        connection.execute(
            emergencies.insert().values(
                partner=partner,
                id=identifier,
                declared_at=declared.declared_at,
                until=declared.until,
                sealed_justification=sealed,
            )
        )

    def _tell(self, connection: Connection, declared: Emergency) -> list[str]:
        """Post a notice to every partner concerned; return those of this node."""
        kind, now, text = NoticeKind.EMERGENCY_DECLARED, declared.declared_at, declared.justification
        until = declared.until.isoformat()
        details = {"partner": declared.partner, "emergency": str(declared.id), "until": until}
        concerned = sorted(concerned_by_emergency(self._rules().in_force(now), declared.partner))
        return [to for to in concerned if self._notices.post(connection, kind, to, now, details, text=text)]


def concerned_by_emergency(in_force: Iterable[Agreement], partner: str) -> frozenset[str]:
    """The other parties to those agreements of `partner` that permit something because of an emergency, or might."""
    speaking = (agreement for agreement in in_force if partner in agreement.parties)
    opened = (agreement for agreement in speaking if _permits_in_emergency(agreement))
    return frozenset[str]().union(*(agreement.parties for agreement in opened)) - {partner}


def _permits_in_emergency(agreement: Agreement) -> bool:
    return any(policy.permits and "emergency" in context_reads(policy.tree) for policy in agreement.policies)


def _find(connection: Connection, partner: str, identifier: UUID) -> RowMapping | None:
    return connection.execute(select(emergencies).where(*_is(partner, identifier))).mappings().first()


def _is(partner: str, identifier: UUID) -> tuple[ColumnElement[bool], ...]:
    return emergencies.c.partner == partner, emergencies.c.id == str(identifier)


def _is_active(row: RowMapping, now: datetime) -> bool:
    ended: bool = row["ended_at"] is not None
    return not ended and now < row["until"]
