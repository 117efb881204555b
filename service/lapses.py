"""What follows where a duty was not done in time: what waited is no longer to be had, what was given is void."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, Connection

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.notices import NoticeDetails, NoticeKind, Notices
from service.purge import Purged, purge
from service.roles import Role
from service.schema import flag_candidates, flags
from watchlists.agreements import Obligation

ACTOR: Final = "housekeeping"


@dataclass(frozen=True, slots=True)
class Lapse:
    """A duty that nobody settled in time.

    Args:
        candidate_id: of whose entry.
        obligation: what was to be done,
        due_at: and by when.
        owner: of the entry.
        flag_id, partner, check_id: the flag, who asked, and in which check.
    """

    candidate_id: str
    obligation: Obligation
    due_at: datetime
    owner: str
    flag_id: str
    partner: str
    check_id: str

    @property
    def told_to_asker(self) -> NoticeDetails:
        return {"flag_id": self.flag_id, "candidate_id": self.candidate_id, "obligation": self.obligation.value}

    @property
    def told_to_owner(self) -> NoticeDetails:
        return {"partner": self.partner, "candidate_id": self.candidate_id, "obligation": self.obligation.value}


def _confirmation(connection: Connection, notices: Notices, lapse: Lapse, now: datetime) -> None:
    """Nobody confirmed: what was to be seen afterwards is not, and the flag is overdue."""
    _end_later(connection, lapse)
    connection.execute(flags.update().where(flags.c.id == lapse.flag_id).values(overdue_at=now))
    notices.post(connection, NoticeKind.FLAG_OVERDUE, lapse.partner, now, lapse.told_to_asker)
    _record(connection, lapse, now)


def _release(connection: Connection, notices: Notices, lapse: Lapse, now: datetime) -> None:
    """The owner did not release it: what was to be seen afterwards is not."""
    _end_later(connection, lapse)
    _tell_both(connection, notices, NoticeKind.RELEASE_LAPSED, lapse, now)
    _record(connection, lapse, now)


def _authorisation_afterwards(connection: Connection, notices: Notices, lapse: Lapse, now: datetime) -> None:
    """Nobody authorised it afterwards: what was disclosed is purged here, and the partner told to delete its copies."""
    purge(connection, Purged(lapse.candidate_id, lapse.partner, lapse.check_id), now)
    _tell_both(connection, notices, NoticeKind.DATA_PURGED, lapse, now)
    _record(connection, lapse, now)


Consequence = Callable[[Connection, Notices, Lapse, datetime], None]

CONSEQUENCES: Final[Mapping[Obligation, Consequence]] = MappingProxyType(
    {
        Obligation.CONFIRM_WITHIN: _confirmation,
        Obligation.RELEASE_BY_OWNER: _release,
        Obligation.EX_POST_AUTHORISATION: _authorisation_afterwards,
    }
)
"""For each duty with a deadline, what follows, in the transaction that marks it as lapsed."""


def _end_later(connection: Connection, lapse: Lapse) -> None:
    connection.execute(flag_candidates.update().where(_is_of(lapse)).values(later_level=None))


def _tell_both(connection: Connection, notices: Notices, kind: NoticeKind, lapse: Lapse, now: datetime) -> None:
    notices.post(connection, kind, lapse.partner, now, lapse.told_to_asker)
    if lapse.owner != lapse.partner:
        notices.post(connection, kind, lapse.owner, now, lapse.told_to_owner)


def _record(connection: Connection, lapse: Lapse, now: datetime) -> None:
    actor = Caller(lapse.partner, Role.OPERATOR, ACTOR)
    details = {**lapse.told_to_asker, "due_at": lapse.due_at.isoformat()}
    audit.record(connection, EventKind.DUTY_LAPSED, actor, now, details)


def _is_of(lapse: Lapse) -> ColumnElement[bool]:
    return flag_candidates.c.candidate_id == lapse.candidate_id
