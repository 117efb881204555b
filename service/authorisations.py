"""Prior authorisations: an owner lets a partner search for another purpose, for one named case, until some moment.

What an owner is asked, and what it has granted, never depends on whether it has an entry on anybody. Case references
are kept as digests under the owner's digest key, which outlives rotations of its key: so do grants.

What an owner declines is kept like a grant that was over when it was made: nothing is searched by it, and the owner is
not asked about it again for as long as it could read the first request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from service import audit
from service.audit import EventKind
from service.errors import AlreadyDecided, UnknownAuthorisation, UntilOutOfRange
from service.identity import Caller, require
from service.log_terms import kept_until, loggable
from service.notices import NoticeDetails, NoticeKind, Notices
from service.roles import Role
from service.schema import authorisations
from watchlists.agreements import Terms
from watchlists.database import writing
from watchlists.keys import KeyRing
from watchlists.schema import partners

LONGEST: Final = timedelta(days=365)
_DECLINED: Final = authorisations.c.until == authorisations.c.granted_at


@dataclass(frozen=True, slots=True)
class Case:
    """What an authorisation is for: one file of one partner, and the purpose that it may search for.

    What is granted for an exercise holds in exercises, and only there.
    """

    partner: str
    purpose: str
    reference: str = field(repr=False)
    exercise: bool = False


class Authorisations:
    """Asks owners, takes their answers, and knows who has granted what."""

    def __init__(self, engine: Engine, keys: KeyRing, notices: Notices, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._keys = keys
        self._notices = notices
        self._clock = clock

    def grant(self, caller: Caller, identifier: UUID, case: Case, until: datetime) -> bool:
        """Authorise a case in the name of the caller's partner; return whether the grant is new.

        A grant of the same id is replaced, withdrawn or not.

        Raises:
            WrongRole: the caller neither keeps the partner's watchlists nor reviews for it.
            UntilOutOfRange: it would end in the past, or in more than a year.
        """
        require(caller, Role.SYNC, Role.REVIEWER)
        now = self._clock()
        if not now < until <= now + LONGEST:
            raise UntilOutOfRange(f"an authorisation ends in the future, at most {LONGEST.days} days from now")
        with writing(self._engine) as connection:
            is_new = self._write(connection, caller.partner, str(identifier), case, now, until)
            details: audit.Details = {
                "authorisation": str(identifier),
                "partner": case.partner,
                "purpose": case.purpose,
                "exercise": case.exercise,
                "until": until.isoformat(),
            }
            audit.record(connection, EventKind.AUTHORISATION_GRANTED, caller, now, details)
        return is_new

    def decline(self, caller: Caller, case: Case) -> None:
        """Say in the name of the caller's partner that it does not authorise a case; the partner that asked is told.

        Raises:
            WrongRole: the caller neither keeps the partner's watchlists nor reviews for it.
            AlreadyDecided: it has authorised the case meanwhile.
        """
        require(caller, Role.SYNC, Role.REVIEWER)
        now = self._clock()
        about: NoticeDetails = {"owner": caller.partner, "purpose": case.purpose, "exercise": case.exercise}
        with writing(self._engine) as connection:
            if self._has_granted(connection, caller.partner, case, now):
                raise AlreadyDecided
            self._write(connection, caller.partner, str(uuid4()), case, now, until=now)
            kind = NoticeKind.AUTHORISATION_DECLINED
            self._notices.post(connection, kind, case.partner, now, about, text=case.reference)
            details: audit.Details = {"partner": case.partner, "purpose": case.purpose, "exercise": case.exercise}
            audit.record(connection, EventKind.AUTHORISATION_DECLINED, caller, now, details)

    def withdraw(self, caller: Caller, identifier: UUID) -> None:
        """End a grant of the caller's partner at once; one that was withdrawn before stays so.

        Raises:
            WrongRole: the caller does not act for an owner.
            UnknownAuthorisation: its partner has not granted one of that id.
        """
        require(caller, Role.SYNC)
        now = self._clock()
        with writing(self._engine) as connection:
            query = select(authorisations.c.withdrawn_at).where(*_is(caller.partner, str(identifier)))
            found = connection.execute(query).first()
            if found is None:
                raise UnknownAuthorisation("the caller's partner has granted no authorisation of that id")
            if found.withdrawn_at is None:
                ended = authorisations.update().where(*_is(caller.partner, str(identifier))).values(withdrawn_at=now)
                connection.execute(ended)
                details = {"authorisation": str(identifier)}
                audit.record(connection, EventKind.AUTHORISATION_WITHDRAWN, caller, now, details)

    def unanswered(self, owner: str, asked: Mapping[Case, datetime], now: datetime) -> tuple[Case, ...]:
        """Return the cases that no grant of an owner is in force for, and that it has not declined since.

        Args:
            owner: who was asked.
            asked: about which cases, and when last.
            now: when; aware.
        """
        with self._engine.connect() as connection:
            return tuple(
                case
                for case, at in asked.items()
                if not self._has_granted(connection, owner, case, now)
                and not self._has_declined(connection, owner, case, at)
            )

    def granted(self, case: Case, now: datetime) -> frozenset[str]:
        """Return the owners that have authorised the case and have not withdrawn it."""
        owners = select(authorisations.c.owner).where(*_are_about(case), *_in_force(now)).distinct()
        with self._engine.connect() as connection:
            return frozenset(
                owner
                for owner in connection.execute(owners).scalars().all()
                if self._has_granted(connection, owner, case, now)
            )

    def request(self, caller: Caller, case: Case, owners: Iterable[str], now: datetime, log_terms: Terms) -> None:
        """Ask owners for their authorisation, by a notice; not again while the last one can still be answered.

        Args:
            caller: whose check it is for.
            case: what is to be authorised.
            owners: who is asked.
            now: when; aware.
            log_terms: what is to be logged of the search.
        """
        kind = NoticeKind.AUTHORISATION_REQUESTED
        with self._engine.connect() as connection:
            asked = self._to_ask(connection, case, owners, now)
        if not asked:
            return
        details: NoticeDetails = {"partner": case.partner, "purpose": case.purpose, "exercise": case.exercise}
        with writing(self._engine) as connection:
            told = [
                owner
                for owner, about in asked.items()
                if self._notices.post(connection, kind, owner, now, details, text=case.reference, once=about)
            ]
            event: audit.Details = {"owners": told, "purpose": case.purpose, "exercise": case.exercise}
            audit.record(
                connection,
                EventKind.AUTHORISATION_REQUESTED,
                caller,
                now,
                loggable(event, log_terms),
                kept_until(now, log_terms),
            )

    def _write(
        self, connection: Connection, owner: str, identifier: str, case: Case, now: datetime, until: datetime
    ) -> bool:
        row = {
            "partner": case.partner,
            "purpose": case.purpose,
            "exercise": case.exercise,
            "case_digest": self._digest(connection, owner, case.reference),
            "granted_at": now,
            "until": until,
            "withdrawn_at": None,
        }
        replaced = connection.execute(authorisations.update().where(*_is(owner, identifier)).values(row)).rowcount
        if not replaced:
            connection.execute(authorisations.insert().values(owner=owner, id=identifier, **row))
        return not replaced

    def _to_ask(self, connection: Connection, case: Case, owners: Iterable[str], now: datetime) -> dict[str, str]:
        """Return what to ask about, by owner: those of this node that were not asked yet, or not since a grant ended.

        A party to an agreement need not be a partner of this node.
        """
        here = select(partners.c.id).where(partners.c.id.in_(owners)).order_by(partners.c.id)
        asked = {}
        for owner in connection.execute(here).scalars().all():
            ended = self._ended_grants(connection, owner, case, now)
            parts = case.partner, case.purpose, case.reference, "exercise" if case.exercise else "", str(ended)
            about = "\0".join(parts).encode()
            key = self._keys.digest_for(owner, "authorisation request", about, connection=connection).hex()
            if not self._notices.told(connection, NoticeKind.AUTHORISATION_REQUESTED, owner, key):
                asked[owner] = key
        return asked

    def _ended_grants(self, connection: Connection, owner: str, case: Case, now: datetime) -> int:
        over = or_(authorisations.c.until <= now, authorisations.c.withdrawn_at.is_not(None))
        query = select(func.count()).select_from(authorisations)
        found = connection.execute(query.where(*self._are_for(connection, owner, case), over, ~_DECLINED))
        return found.scalar_one()

    def _has_granted(self, connection: Connection, owner: str, case: Case, now: datetime) -> bool:
        query = select(authorisations.c.id).where(*self._are_for(connection, owner, case), *_in_force(now)).limit(1)
        return connection.execute(query).first() is not None

    def _has_declined(self, connection: Connection, owner: str, case: Case, since: datetime) -> bool:
        later = authorisations.c.granted_at >= since
        query = select(authorisations.c.id).where(*self._are_for(connection, owner, case), _DECLINED, later).limit(1)
        return connection.execute(query).first() is not None

    def _are_for(self, connection: Connection, owner: str, case: Case) -> tuple[ColumnElement[bool], ...]:
        digest = self._digest(connection, owner, case.reference)
        return *_are_about(case), authorisations.c.owner == owner, authorisations.c.case_digest == digest

    def _digest(self, connection: Connection, owner: str, reference: str) -> bytes:
        return self._keys.digest_for(owner, "authorised case", reference.encode(), connection=connection)


def _is(owner: str, identifier: str) -> tuple[ColumnElement[bool], ...]:
    return authorisations.c.owner == owner, authorisations.c.id == identifier


def _are_about(case: Case) -> tuple[ColumnElement[bool], ...]:
    named = authorisations.c.partner == case.partner, authorisations.c.purpose == case.purpose
    return *named, authorisations.c.exercise.is_(case.exercise)


def _in_force(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return authorisations.c.until > now, authorisations.c.withdrawn_at.is_(None)
