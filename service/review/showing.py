"""A flag as one reviewer may see it now: put together from what stands, what the rules show, and what was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Engine, RowMapping

from service import audit
from service.audit import EventKind
from service.duties import Duties
from service.identity import Caller, require
from service.log_terms import review_kept_until
from service.review.access import shared_by
from service.review.cases import cases_of_flag
from service.review.composing import Composer
from service.review.flag_state import NEVER
from service.review.history import lines_of
from service.review.reading import Reading
from service.review.seeing import Eyes
from service.review.views import CandidateView, FlagState, FlagView, HistoryLine, SampleNote, Urgency
from service.review.words import Words
from service.roles import Role
from watchlists.database import writing
from watchlists.errors import EntryChanged, UnknownEntry

_SAMPLES: Final = TypeAdapter(tuple[SampleNote, ...])


class Showing:
    """Shows flags to reviewers, and writes down who has looked."""

    def __init__(
        self, engine: Engine, words: Words, reading: Reading, owed: Duties, eyes: Eyes, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._duties = owed
        self._words = words
        self._reading = reading
        self._eyes = eyes
        self._clock = clock

    def flag(self, caller: Caller, flag_id: UUID) -> FlagView:
        """Return a flag. That it was looked at is an event: what is shown is a disclosure.

        Raises:
            WrongRole: the caller is no reviewer.
            UnknownFlag: there is none of that id at a desk of the caller.
            EntryChanged: an entry was written twice while it was looked at; the caller should ask again.
        """
        require(caller, Role.REVIEWER)
        now = self._clock()
        try:
            view, log_for = self._look(caller, flag_id, now)
        except (EntryChanged, UnknownEntry):
            view, log_for = self._look(caller, flag_id, now)
        levels = [each.seen.level for each in view.candidates if each.seen is not None]
        details = {"flag_id": str(flag_id), "levels": levels}
        with writing(self._engine) as connection:
            audit.record(connection, EventKind.FLAG_READ, caller, now, details, review_kept_until(log_for, now))
        return view

    def _look(self, caller: Caller, flag_id: UUID, now: datetime) -> tuple[FlagView, int | None]:
        with self._engine.connect() as connection:
            row = self._reading.flag(connection, caller, flag_id, now)
            standing = {each.id: each for each in self._reading.validity.standing(connection, [row["id"]], now)}
            composer = Composer(self._reading, self._duties, self._eyes, self._words, connection, caller, now)
            cases = cases_of_flag(connection, row["id"])
            candidates = [composer.candidate(case, standing.get(case.id)) for case in cases]
            history = lines_of(connection, row, cases, caller)
        desk = shared_by(row["partner"], row["desk"], self._reading.rules().in_force(now))
        state = FlagState(row["state"]) if standing else FlagState.VOID
        return _view(row, state, candidates, desk, history), row["log_for"]


def _view(
    row: RowMapping,
    state: FlagState,
    candidates: Sequence[CandidateView],
    desk: str | None,
    history: tuple[HistoryLine, ...],
) -> FlagView:
    over = state in (FlagState.SETTLED, FlagState.VOID)
    return FlagView(
        id=UUID(row["id"]),
        check_id=UUID(row["check_id"]),
        partner=row["partner"],
        opened_at=row["opened_at"],
        due_at=row["queued_at"] if not over and row["queued_at"] < NEVER else None,
        overdue_at=row["overdue_at"],
        urgency=Urgency.ROUTINE if over else Urgency(max(Urgency) - row["rank"]),
        purpose=row["purpose"],
        checkpoint=row["checkpoint"],
        exercise=row["exercise"],
        emergency=row["emergency"],
        silent=any(candidate.silent for candidate in candidates),
        complete=row["complete"],
        state=state,
        desk=desk,
        samples=_SAMPLES.validate_python(row["samples"]),
        candidates=tuple(candidates),
        history=history,
    )
