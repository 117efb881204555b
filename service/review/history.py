"""The history of a flag, told from what is stored, as far as its reader may know: pure, but `lines_of`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select

from service.identity import Caller
from service.review.cases import CaseFile, Said
from service.review.escalation import STEPS
from service.review.views import HistoryKind, HistoryLine
from service.review_schema import late_authorisations, release_decisions
from service.schema import duties, flag_candidates
from watchlists.agreements import Obligation

TOLD_OTHERWISE: Final = frozenset({Obligation.RELEASE_BY_OWNER.value, Obligation.EX_POST_AUTHORISATION.value})
"""Duties that are settled by a decision, which has a line of its own."""


def visible_verdicts(case: CaseFile, reader: Caller) -> tuple[Said, ...]:
    """Return the verdicts that a reader may know of.

    Each is given independently: until as many are in as are needed, a reader knows of their own only, and not whether
    there are others. Then everybody at the desk does, the third reviewer among them.
    """
    own = case.said_by(reader)
    if len(case.said) < case.needed and not case.settlement.final:
        return () if own is None else (own,)
    return case.said


def lines_of(
    connection: Connection, flag: RowMapping, cases: Sequence[CaseFile], reader: Caller
) -> tuple[HistoryLine, ...]:
    """Return the lines, the oldest first."""
    ids = [case.id for case in cases]
    lines = [HistoryLine(flag["opened_at"], HistoryKind.OPENED)]
    for case in cases:
        lines += _of_case(case, reader)
    candidates = select(flag_candidates).where(flag_candidates.c.candidate_id.in_(ids))
    lines += _of_candidates(connection.execute(candidates).mappings())
    lines += _of_duties(connection.execute(select(duties).where(duties.c.candidate_id.in_(ids))).mappings())
    released = select(release_decisions).where(release_decisions.c.candidate_id.in_(ids))
    lines += _of_decisions(connection.execute(released).mappings())
    afterwards = select(late_authorisations).where(late_authorisations.c.candidate_id.in_(ids))
    lines += _of_answers(connection.execute(afterwards).mappings())
    return tuple(sorted(lines, key=lambda line: line.at))


def _of_case(case: CaseFile, reader: Caller) -> Iterator[HistoryLine]:
    candidate = UUID(case.id)
    for said in visible_verdicts(case, reader):
        yield HistoryLine(said.at, HistoryKind.VERDICT, said.person, candidate, said.kind.value)
    if case.waived is not None:
        who = f"{case.waived.partner}/{case.waived.reviewer}"
        yield HistoryLine(case.waived.at, HistoryKind.WAIVED, who, candidate)


def _of_candidates(rows: Iterable[RowMapping]) -> Iterator[HistoryLine]:
    for row in rows:
        candidate = UUID(row["candidate_id"])
        if row["reviewed_at"] is not None:
            yield HistoryLine(row["reviewed_at"], HistoryKind.SETTLED, None, candidate, row["review"])
        if row["released_at"] is not None:
            yield HistoryLine(row["released_at"], HistoryKind.RELEASED, None, candidate, row["later_level"])
        if row["voided_at"] is not None:
            yield HistoryLine(row["voided_at"], HistoryKind.VOIDED, None, candidate)


def _of_duties(rows: Iterable[RowMapping]) -> Iterator[HistoryLine]:
    for row in rows:
        candidate, word = UUID(row["candidate_id"]), row["obligation"]
        if row["settled_at"] is not None and word not in TOLD_OTHERWISE:
            yield HistoryLine(row["settled_at"], HistoryKind.DUTY_SETTLED, None, candidate, word)
        if row["lapsed_at"] is not None:
            yield HistoryLine(row["lapsed_at"], HistoryKind.DUTY_LAPSED, None, candidate, word)
        if row["escalated_at"] is not None:
            step = STEPS[row["escalations"] - 1].value
            yield HistoryLine(row["escalated_at"], HistoryKind.ESCALATED, None, candidate, step)


def _of_decisions(rows: Iterable[RowMapping]) -> Iterator[HistoryLine]:
    """The owner's decisions: who at the owner's has decided is its own business."""
    for row in rows:
        kind = HistoryKind.RELEASE_GRANTED if row["granted"] else HistoryKind.RELEASE_REFUSED
        yield HistoryLine(row["at"], kind, row["partner"], UUID(row["candidate_id"]))


def _of_answers(rows: Iterable[RowMapping]) -> Iterator[HistoryLine]:
    for row in rows:
        kind = HistoryKind.AUTHORISED_AFTERWARDS if row["granted"] else HistoryKind.REFUSED_AFTERWARDS
        yield HistoryLine(row["at"], kind, f"{row['partner']}/{row['name']}", UUID(row["candidate_id"]))
