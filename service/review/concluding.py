"""What follows from what people say of a candidate, in the transaction in which they say it.

1. What they have come to is written down, and told to the owner of the entry if it is theirs to know.
2. The duties to confirm and to review are settled by it, whichever way it went; a deadline that has passed has had its
   effect already.
3. What waits is released once nothing is missing any more; it is withheld once it cannot be released.

The caller still owes: `hold_partners` before the first event of the transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Update

from service import audit
from service.audit import EventKind
from service.duties import Duties
from service.identity import Caller
from service.log_terms import review_kept_until
from service.notices import NoticeDetails, NoticeKind, Notices
from service.review.cases import CaseFile
from service.review.flag_state import refresh
from service.roles import Role
from service.schema import duties, flag_candidates
from watchlists.agreements import Obligation
from watchlists.agreements.release import ReleaseState, Settlement

ACTOR: Final = "review desk"
TOLD_BEFORE: Final = (Obligation.NOTIFY_OWNER, Obligation.RELEASE_BY_OWNER)
"""By these the owner knows of the find already, and is told how it ended."""


class Conclusions:
    """Draws them. `case` is always as it is after what was just said."""

    def __init__(self, notices: Notices, owed: Duties) -> None:
        self._notices = notices
        self._duties = owed

    def draw(self, connection: Connection, case: CaseFile, now: datetime) -> None:
        """Let follow what follows from a case."""
        settled = case.settlement
        if settled is not case.review:
            self._write_down(connection, case, settled, now)
        state = case.release(now)
        if case.released_at is None and state is ReleaseState.RELEASED:
            self._release(connection, case, now)
        elif case.later is not None and state is ReleaseState.REFUSED:
            self._withhold(connection, case, now)
        refresh(connection, case.flag_id, now)

    def _write_down(self, connection: Connection, case: CaseFile, settled: Settlement, now: datetime) -> None:
        values = {"review": settled.value, "reviewed_at": now if settled.final else None}
        connection.execute(_row_of(case).values(values))
        if not settled.final:
            return
        for obligation in (Obligation.CONFIRM_WITHIN, Obligation.ALWAYS_REVIEW):
            self._duties.settle(connection, UUID(case.id), obligation, now)
        if _owner_is_told(case, settled):
            self._notices.post(connection, NoticeKind.REVIEW_CONCLUDED, case.owner, now, _told_owner(case, settled))
        self._record(connection, EventKind.REVIEW_CONCLUDED, case, now, settled.value)

    def _release(self, connection: Connection, case: CaseFile, now: datetime) -> None:
        later = "" if case.later is None else case.later.word
        connection.execute(_row_of(case).values(released_at=now))
        told = {"flag_id": case.flag_id, "candidate_id": case.id, "level": later}
        self._notices.post(connection, NoticeKind.DISCLOSURE_RELEASED, case.partner, now, told)
        self._record(connection, EventKind.DISCLOSURE_RELEASED, case, now, later)

    def _withhold(self, connection: Connection, case: CaseFile, now: datetime) -> None:
        later = "" if case.later is None else case.later.word
        connection.execute(_row_of(case).values(later_level=None))
        # Nobody is asked any more to release what is not to be had.
        moot = duties.c.candidate_id == case.id, duties.c.obligation == Obligation.RELEASE_BY_OWNER.value
        still = duties.c.settled_at.is_(None), duties.c.lapsed_at.is_(None)
        connection.execute(duties.update().where(*moot, *still).values(settled_at=now))
        self._record(connection, EventKind.DISCLOSURE_WITHHELD, case, now, later)

    def _record(self, connection: Connection, kind: EventKind, case: CaseFile, now: datetime, word: str) -> None:
        actor = Caller(case.partner, Role.OPERATOR, ACTOR)
        details = {"flag_id": case.flag_id, "candidate_id": case.id, "word": word}
        audit.record(connection, kind, actor, now, details, review_kept_until(case.log_for, now))


def _row_of(case: CaseFile) -> Update:
    return flag_candidates.update().where(flag_candidates.c.candidate_id == case.id)


def _owner_is_told(case: CaseFile, settled: Settlement) -> bool:
    """Of a find that is confirmed; of another only where it was told of the find before. Never of its own searches."""
    if case.owner == case.partner:
        return False
    return settled is Settlement.SAME_PERSON or any(case.terms.has(duty) for duty in TOLD_BEFORE)


def _told_owner(case: CaseFile, settled: Settlement) -> NoticeDetails:
    return {
        "partner": case.partner,
        "purpose": case.purpose,
        "candidate_id": case.id,
        "watchlist": case.watchlist,
        "entry": case.entry,
        "exercise": case.exercise,
        "outcome": settled.value,
    }
