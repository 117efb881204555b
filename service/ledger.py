"""What stays of a check: its answer for a while (sealed), its flag, its audit event. Never the probe."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from pydantic import BaseModel
from sqlalchemy import Connection, Engine, RowMapping, select
from sqlalchemy.exc import IntegrityError

from service import audit
from service.api.messages import MatchAnswer, MatchRequest
from service.audit import EventKind
from service.disclosure import DisclosedCandidate
from service.errors import CheckConflict
from service.identity import Caller
from service.probes import EncodedSamples
from service.schema import checks, flag_candidates, flags
from watchlists.database import writing
from watchlists.keys import KeyRing

SEALED_ANSWER = "answer to a check"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a check came to, before it is written down and answered."""

    at: datetime
    complete: bool
    gallery_sequence: int
    probe: EncodedSamples
    candidates: tuple[DisclosedCandidate, ...]

    @property
    def outcome(self) -> str:
        if self.candidates:
            return "flagged"
        return "no-candidates" if self.complete else "incomplete"


class Ledger:
    """Writes checks down and finds them again."""

    def __init__(self, engine: Engine, keys: KeyRing, keep_answers: timedelta) -> None:
        self._engine = engine
        self._keys = keys
        self._keep_answers = keep_answers

    def recall(self, caller: Caller, request: MatchRequest, now: datetime) -> MatchAnswer | None:
        """Return the answer that this very check got before, if it was kept, and not for longer than it may be.

        Raises:
            CheckConflict: the partner used the check_id for another request.
        """
        query = select(checks).where(
            checks.c.partner == caller.partner,
            checks.c.check_id == str(request.check_id),
            checks.c.answered_at >= now - self._keep_answers,
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        answer = self._reopen(row, caller, request)
        with writing(self._engine) as connection:
            audit.record(connection, EventKind.CHECK_REPEATED, caller, now, {"check_id": str(request.check_id)})
        return answer

    def conclude(self, caller: Caller, request: MatchRequest, conclusion: Conclusion) -> MatchAnswer:
        """Write answer, flag and audit event in one transaction and return the answer.

        Two requests of one check at the same time: the first to commit decides, the other returns its answer.

        Raises:
            CheckConflict: the other request had another body.
        """
        answer = _answer(request.check_id, conclusion)
        # Sealed before the transaction begins: whoever holds the write lock should need nothing else.
        row = self._check_row(caller, request, answer, conclusion.at)
        details = self._event_details(caller, request, answer, conclusion)
        try:
            with writing(self._engine) as connection:
                connection.execute(checks.delete().where(checks.c.answered_at < conclusion.at - self._keep_answers))
                connection.execute(checks.insert().values(row))
                _open_flag(connection, caller, request, answer, conclusion)
                audit.record(connection, EventKind.CHECK_ANSWERED, caller, conclusion.at, details)
        except IntegrityError:
            known = self.recall(caller, request, conclusion.at)
            if known is None:
                raise
            return known
        return answer

    def forget(self, now: datetime) -> None:
        """Delete the answers that have been kept for long enough."""
        with writing(self._engine) as connection:
            connection.execute(checks.delete().where(checks.c.answered_at < now - self._keep_answers))

    def _check_row(
        self, caller: Caller, request: MatchRequest, answer: MatchAnswer, now: datetime
    ) -> dict[str, object]:
        check_id = str(request.check_id)
        sealed = self._keys.seal_for(caller.partner, SEALED_ANSWER, answer.model_dump_json().encode(), check_id)
        return {
            "partner": caller.partner,
            "check_id": check_id,
            "request_digest": self._digest(caller, request),
            "sealed_answer": sealed,
            "answered_at": now,
        }

    def _event_details(
        self, caller: Caller, request: MatchRequest, answer: MatchAnswer, conclusion: Conclusion
    ) -> audit.Details:
        case = request.case_reference
        return {
            "check_id": str(request.check_id),
            "purpose": request.purpose,
            # A case reference may name a person: its keyed digest proves afterwards which one was given.
            "case_digest": self._keys.digest_for(caller.partner, "case", case.encode()).hex() if case else None,
            "checkpoint": request.checkpoint,
            "outcome": answer.outcome,
            "gallery_sequence": answer.gallery_sequence,
            "flag_id": str(answer.flag_id) if answer.flag_id else None,
            "disclosed": [_disclosed(candidate) for candidate in conclusion.candidates],
        }

    def _reopen(self, row: RowMapping, caller: Caller, request: MatchRequest) -> MatchAnswer:
        if not hmac.compare_digest(row["request_digest"], self._digest(caller, request)):
            raise CheckConflict("this check_id was used before, with another body")
        opened = self._keys.open_for(caller.partner, SEALED_ANSWER, row["sealed_answer"], row["check_id"])
        return MatchAnswer.model_validate_json(opened)

    def _digest(self, caller: Caller, request: BaseModel) -> bytes:
        """Return a keyed digest of the request: without the key, nobody can test a guess of the probe against it."""
        return self._keys.digest_for(caller.partner, "match request", request.model_dump_json().encode())


def _answer(check_id: UUID, conclusion: Conclusion) -> MatchAnswer:
    return MatchAnswer(
        check_id=check_id,
        outcome=conclusion.outcome,
        complete=conclusion.complete,
        gallery_sequence=conclusion.gallery_sequence,
        flag_id=uuid4() if conclusion.candidates else None,
        samples=conclusion.probe.messages,
        candidates=[candidate.message for candidate in conclusion.candidates],
    )


def _open_flag(
    connection: Connection, caller: Caller, request: MatchRequest, answer: MatchAnswer, conclusion: Conclusion
) -> None:
    if answer.flag_id is None:
        return
    connection.execute(
        flags.insert().values(
            id=str(answer.flag_id),
            partner=caller.partner,
            check_id=str(request.check_id),
            checkpoint=request.checkpoint,
            purpose=request.purpose,
            complete=answer.complete,
            opened_at=conclusion.at,
        )
    )
    rows = [_candidate_row(str(answer.flag_id), candidate) for candidate in conclusion.candidates]
    connection.execute(flag_candidates.insert(), rows)


def _candidate_row(flag_id: str, candidate: DisclosedCandidate) -> dict[str, object]:
    return {
        "candidate_id": str(candidate.message.candidate_id),
        "flag_id": flag_id,
        "owner": candidate.found.klass.owner,
        "watchlist": candidate.found.key.watchlist,
        "entry": candidate.found.key.entry,
        "score": candidate.found.score,
        "level": candidate.message.level,
        "decided_by": [clause.model_dump() for clause in candidate.message.decided_by],
    }


def _disclosed(candidate: DisclosedCandidate) -> dict[str, str]:
    found = candidate.found
    clauses = ", ".join(f"{by.agreement} v{by.version} {by.clause}" for by in candidate.message.decided_by)
    return {
        "owner": found.klass.owner,
        "watchlist": found.key.watchlist,
        "entry": found.key.entry,
        "level": candidate.message.level,
        "decided_by": clauses,
    }
