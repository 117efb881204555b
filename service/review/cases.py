"""What has happened to candidates since they were found, read from the database as the pure rules want it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, select

from service.identity import Caller
from service.review_schema import release_decisions, verdicts, waivers
from service.schema import flag_candidates, flags
from watchlists.agreements import Clause, Disclosure, Later, Level, Terms
from watchlists.agreements.obligations import parse_obligations
from watchlists.agreements.release import (
    Case,
    OwnerDecision,
    ReleaseState,
    Settlement,
    Verdict,
    VerdictKind,
    Waiver,
    release_state,
    reviewers_needed,
    settlement,
)
from watchlists.schema import entries

_CLAUSES: Final = TypeAdapter(tuple[Clause, ...])
ON_RECORD: Final = "on record"
"""Stands for the ground of a waiver, which is sealed; none is written down without."""


def person(partner: str, name: str) -> str:
    """Return what a reviewer, or the author of an entry, is known by among those of all partners."""
    return f"{partner}/{name}"


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict as it is stored; `sealed_reason` is None once the candidate is purged."""

    partner: str
    reviewer: str
    kind: VerdictKind
    at: datetime
    sealed_reason: bytes | None = field(repr=False)

    @property
    def person(self) -> str:
        return person(self.partner, self.reviewer)


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver as it is stored."""

    partner: str
    reviewer: str
    at: datetime
    sealed_ground: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A candidate, and what has happened to it.

    Args:
        partner, check_id, log_for: of its flag.
        terms: of the disclosure, as they were at the check: they bind until the end.
        decided_by: the clauses behind what may be seen now or later.
        review: what people had come to when somebody said something last.
        author: who wrote the entry; "" if that is not known.
        sequence: the change that wrote the entry as it was compared; None of old flags.
        sequence_now: that wrote it as it is now; None once it is withdrawn, or its name is purged.
    """

    id: str
    flag_id: str
    partner: str
    check_id: str
    purpose: str
    exercise: bool
    log_for: int | None
    owner: str
    watchlist: str | None
    entry: str | None
    level: Level
    later: Level | None
    terms: Terms
    decided_by: tuple[Clause, ...]
    found_at: datetime
    silent: bool
    review: Settlement
    released_at: datetime | None
    voided_at: datetime | None
    said: tuple[Said, ...]
    waived: Waived | None
    owner_decision: OwnerDecision | None
    author: str
    sequence: int | None
    sequence_now: int | None

    @property
    def case(self) -> Case:
        """What the rules of release read."""
        said = tuple(Verdict(each.person, each.kind, each.at) for each in self.said)
        waiver = None
        if self.waived is not None:
            waiver = Waiver(person(self.waived.partner, self.waived.reviewer), ON_RECORD, self.waived.at)
        return Case(self.found_at, said, waiver, self.owner_decision, self.author)

    @property
    def settlement(self) -> Settlement:
        """What people have come to."""
        return settlement(self.terms, self.case)

    @property
    def needed(self) -> int:
        """How many people have to say the same independently."""
        return reviewers_needed(self.terms, self.case)

    def release(self, now: datetime) -> ReleaseState:
        """Whether what waits may be seen at `now`."""
        if self.released_at is not None and self.later is not None:
            return ReleaseState.RELEASED
        later = None if self.later is None else Later(self.later, (), (), self.terms)
        return release_state(Disclosure(self.level, later=later), self.case, now)

    def said_by(self, caller: Caller) -> Said | None:
        """What the caller has said of it, if anything."""
        return next((each for each in self.said if each.person == person(caller.partner, caller.name)), None)

    def is_author(self, caller: Caller) -> bool:
        return self.author == person(caller.partner, caller.name)

    def with_verdict(self, said: Said) -> CaseFile:
        return replace(self, said=(*self.said, said))


def cases_of_flag(connection: Connection, flag_id: str) -> Sequence[CaseFile]:
    """Return the candidates of a flag, the best first, purged ones last."""
    order = flag_candidates.c.score.desc().nulls_last(), flag_candidates.c.candidate_id
    rows = connection.execute(_QUERY.where(flags.c.id == flag_id).order_by(*order)).mappings().all()
    return _read(connection, rows)


def case_of(connection: Connection, candidate_id: UUID) -> CaseFile | None:
    """Return a candidate; None if there is none of that id."""
    rows = connection.execute(_QUERY.where(flag_candidates.c.candidate_id == str(candidate_id))).mappings().all()
    return next(iter(_read(connection, rows)), None)


_QUERY: Final = (
    select(
        *flag_candidates.c,
        *flags.c["partner", "check_id", "purpose", "exercise", "log_for", "opened_at"],
        entries.c.sequence.label("sequence_now"),
        entries.c.author,
    )
    .join_from(flag_candidates, flags)
    .join(
        entries,
        (entries.c.watchlist == flag_candidates.c.watchlist) & (entries.c.id == flag_candidates.c.entry),
        isouter=True,
    )
)


def _read(connection: Connection, rows: Sequence[RowMapping]) -> list[CaseFile]:
    ids = [row["candidate_id"] for row in rows]
    order = verdicts.c["at", "partner", "reviewer"]
    said: dict[str, list[Said]] = {}
    for row in connection.execute(select(verdicts).where(verdicts.c.candidate_id.in_(ids)).order_by(*order)):
        found = Said(row.partner, row.reviewer, VerdictKind(row.kind), row.at, row.sealed_reason)
        said.setdefault(row.candidate_id, []).append(found)
    waived = {
        row.candidate_id: Waived(row.partner, row.reviewer, row.at, row.sealed_ground)
        for row in connection.execute(select(waivers).where(waivers.c.candidate_id.in_(ids)))
    }
    decided = {
        row.candidate_id: OwnerDecision(granted=row.granted, at=row.at)
        for row in connection.execute(select(release_decisions).where(release_decisions.c.candidate_id.in_(ids)))
    }
    return [
        _case(row, tuple(said.get(row["candidate_id"], ())), waived.get(row["candidate_id"]), decided) for row in rows
    ]


def _case(
    row: RowMapping, said: tuple[Said, ...], waived: Waived | None, decided: dict[str, OwnerDecision]
) -> CaseFile:
    later = row["later_level"]
    return CaseFile(
        id=row["candidate_id"],
        flag_id=row["flag_id"],
        partner=row["partner"],
        check_id=row["check_id"],
        purpose=row["purpose"],
        exercise=row["exercise"],
        log_for=row["log_for"],
        owner=row["owner"],
        watchlist=row["watchlist"],
        entry=row["entry"],
        level=Level[row["level"].upper()],
        later=None if later is None else Level[later.upper()],
        decided_by=_CLAUSES.validate_python(row["decided_by"]),
        terms=Terms.merge(parse_obligations(", ".join(row["terms"]))) if row["terms"] else Terms(),
        found_at=row["opened_at"],
        silent=row["silent"],
        review=Settlement(row["review"]),
        released_at=row["released_at"],
        voided_at=row["voided_at"],
        said=said,
        waived=waived,
        owner_decision=decided.get(row["candidate_id"]),
        author=row["author"] or "",
        sequence=row["sequence"],
        sequence_now=row["sequence_now"],
    )
