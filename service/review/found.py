"""The candidate that somebody wants to look at: of which flag and entry it is, and as what it was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Select, select

from service.flagged import AskedAs
from service.identity import Caller
from service.log_terms import review_kept_until
from service.review.access import Desk, may_see
from service.roles import Role
from service.schema import flag_candidates, flags
from watchlists.agreements import Request
from watchlists.records import EntryKey

_ASKED: Final = TypeAdapter(AskedAs)
_QUERY: Final[Select[Any]] = select(
    *flag_candidates.c["candidate_id", "flag_id", "owner", "watchlist", "entry"],
    *flags.c["partner", "purpose", "checkpoint", "exercise", "asked", "desk", "log_for"],
).join_from(flag_candidates, flags)


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate of a flag.

    Args:
        asker: the partner whose check it was.
        desk: the agreement that alone decided on all candidates of the flag, if one did.
        owner: of the entry.
        key: the entry; None once that is purged.
        asked: the check, as rules read it.
        log_for: seconds that the log keeps what it says of the review; None for ever.
    """

    candidate_id: UUID
    flag_id: UUID
    asker: str
    desk: str | None
    owner: str
    key: EntryKey | None
    asked: Request
    log_for: int | None

    def keeper_for(self, partner: str, desks: Iterable[Desk]) -> str | None:
        """Return whose kept probe reviewers of `partner` look at; None if there is no such candidate for them."""
        if may_see(desks, self.asker, self.desk):
            return self.asker
        return partner if partner == self.owner else None

    def asked_by(self, reviewer: Caller) -> Request:
        """Return the same request as rules read it when the reviewer asks."""
        partner, country, authority = reviewer.partner, reviewer.country, reviewer.authority
        return replace(self.asked, partner=partner, country=country, authority=authority, role=Role.REVIEWER)

    def log_until(self, now: datetime) -> datetime | None:
        """Return when what the log says of a look at it has to be deleted; None to keep it."""
        return review_kept_until(self.log_for, now)


def found_of(connection: Connection, candidate_id: UUID) -> Found | None:
    """Return a candidate; None if there is none of that id, or it cannot be read."""
    is_it = flag_candidates.c.candidate_id == str(candidate_id)
    row = connection.execute(_QUERY.where(is_it)).mappings().one_or_none()
    if row is None:
        return None
    try:
        asked = _ASKED.validate_python(row["asked"])
    except ValidationError:
        return None
    return Found(
        candidate_id=candidate_id,
        flag_id=UUID(row["flag_id"]),
        asker=row["partner"],
        desk=row["desk"],
        owner=row["owner"],
        key=None if row["entry"] is None else EntryKey(row["watchlist"], row["entry"]),
        asked=asked.request(row["partner"], row["purpose"], row["checkpoint"], exercise=row["exercise"]),
        log_for=row["log_for"],
    )
