"""What stays of a check: its answer for a while (sealed), what is to be flagged, its audit event. Never the probe.

What is written before the answer is the same, in number and in size, whatever was found that the terminal does not see.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Engine, bindparam, select
from sqlalchemy.exc import IntegrityError

from service import audit
from service.api.messages import MatchAnswer, MatchRequest, QuotaMessage, ReceiptMessage
from service.audit import EventKind, Receipt
from service.conclusion import Conclusion, Submission
from service.errors import CheckConflict
from service.flag_outbox import FlagOutbox, packed
from service.flagged import AskedAs, FlaggedCandidate, FlagToOpen, SampleNote
from service.identity import Caller
from service.log_terms import loggable
from service.pace import wait_out
from service.schema import checks
from watchlists.agreements import Obligation
from watchlists.database import ReadyStatement, Row, writing
from watchlists.errors import SealBroken
from watchlists.keys import KeyRing

SEALED_ANSWER = "answer to a check"
# Made once: to build a statement takes longer than to run it.
_KEPT: Final = ReadyStatement(
    select(checks).where(
        checks.c.partner == bindparam("asker"),
        checks.c.check_id == bindparam("id"),
        checks.c.answered_at >= bindparam("since"),
    )
)
_FORGET: Final = ReadyStatement(checks.delete().where(checks.c.answered_at < bindparam("before")))
_INSERT: Final = ReadyStatement(checks.insert())
REST = 0.002
"""Seconds, or a multiple of them, from the comparisons to the writing: rules and candidates take a fraction of that."""


class Ledger:
    """Writes checks down and finds them again."""

    def __init__(self, engine: Engine, keys: KeyRing, outbox: FlagOutbox, keep_answers: timedelta) -> None:
        self._engine = engine
        self._keys = keys
        self._outbox = outbox
        self._keep_answers = keep_answers

    def recall(self, submission: Submission, now: datetime, rules: str) -> MatchAnswer | None:
        """Return the answer that this very check got before, if it was kept, and not for longer than it may be.

        What came in by an agreement is void with it. A kept answer is therefore sealed to the rules that it was given
        by: once any of them has changed, it does not open, is forgotten, and the check is made anew.

        Args:
            submission: what was sent, perhaps again.
            now: when.
            rules: `RuleBook.fingerprint` of the caller's partner.

        Raises:
            CheckConflict: the partner used the check_id for another body, or another authority of it did.
        """
        caller = submission.caller
        wanted = {"asker": caller.partner, "id": submission.check_id, "since": now - self._keep_answers}
        if not _KEPT.look(self._engine, wanted):
            return None
        with self._engine.connect() as connection, connection.begin():  # the row and the key that it is sealed with
            rows = _KEPT.rows(connection, wanted)
            if not rows:
                return None
            answer = self._reopen(connection, rows[0], submission, rules)
        with writing(self._engine) as connection:
            if answer is None:
                connection.execute(checks.delete().where(*_is(submission)))
            else:
                audit.record(connection, EventKind.CHECK_REPEATED, caller, now, {"check_id": submission.check_id})
        return answer

    def conclude(self, submission: Submission, conclusion: Conclusion) -> MatchAnswer:
        """Write answer, what is to be flagged, and audit event in one transaction and return the answer.

        Two requests of one check at the same time: the first to commit decides, the other returns its answer.

        Raises:
            CheckConflict: the other request had another body.
        """
        flag = _flag(submission, conclusion)
        # Reckoned before the transaction begins: whoever holds the write lock should need little else.
        to_open = packed(flag)
        details = self._event_details(submission, conclusion, flag)
        # What was found and is not shown must not show in the time either. From here on there is the same to do.
        wait_out(conclusion.compared_at, REST)
        try:
            with writing(self._engine) as connection:
                _FORGET.write(connection, {"before": conclusion.at - self._keep_answers})
                self._outbox.put(connection, submission.caller.partner, submission.check_id, to_open)
                kind, keep_until = EventKind.CHECK_ANSWERED, flag.log_until
                receipt = audit.record(connection, kind, submission.caller, conclusion.at, details, keep_until)
                answer = _answer(submission.request, conclusion, flag.id, receipt)
                _INSERT.write(connection, self._check_row(connection, submission, answer, conclusion))
        except IntegrityError:
            with self._engine.connect() as connection:
                first = connection.execute(select(checks).where(*_is(submission))).mappings().first()
                rules = conclusion.rules
                known = None if first is None else self._reopen(connection, first, submission, rules)
            if known is None:
                raise
            return known
        return answer

    def forget(self, now: datetime) -> None:
        """Delete the answers that have been kept for long enough."""
        with writing(self._engine) as connection:
            _FORGET.write(connection, {"before": now - self._keep_answers})

    def _check_row(
        self, connection: Connection, submission: Submission, answer: MatchAnswer, conclusion: Conclusion
    ) -> dict[str, object]:
        partner, plain = submission.caller.partner, answer.model_dump_json().encode()
        to = _bound_to(submission, conclusion.rules)
        return {
            "partner": partner,
            "check_id": submission.check_id,
            "request_digest": self._digest(connection, submission),
            "sealed_answer": self._keys.seal_for(partner, SEALED_ANSWER, plain, to, connection=connection),
            "answered_at": conclusion.at,
        }

    def _event_details(self, submission: Submission, conclusion: Conclusion, flag: FlagToOpen) -> audit.Details:
        caller, request = submission.caller, submission.request
        details = {
            "check_id": submission.check_id,
            "purpose": request.purpose,
            "case_digest": self._digest_of("case", caller, request.case_reference),
            "justification_digest": self._digest_of("justification", caller, request.justification),
            "emergency": str(request.emergency) if request.emergency else None,
            "exercise": request.exercise,
            "checkpoint": request.checkpoint,
            "outcome": conclusion.outcome,
            "gallery_sequence": conclusion.gallery_sequence,
            # Of what the terminal does not see, the event of the flag tells.
            "flag_id": str(flag.id) if conclusion.shown else None,
            "disclosed": [candidate.recorded for candidate in flag.candidates if candidate.shown],
        }
        return loggable(details, conclusion.gathered.log_terms)

    def _digest_of(self, what: str, caller: Caller, text: str | None) -> str | None:
        """A case reference or a reason may name a person: its keyed digest proves afterwards which one was given."""
        return None if text is None else self._keys.digest_for(caller.partner, what, text.encode()).hex()

    def _reopen(self, connection: Connection, row: Row, submission: Submission, rules: str) -> MatchAnswer | None:
        if not hmac.compare_digest(row["request_digest"], self._digest(connection, submission)):
            raise CheckConflict("this check_id was used before, with another body or by another authority")
        partner, to = submission.caller.partner, _bound_to(submission, rules)
        try:
            opened = self._keys.open_for(partner, SEALED_ANSWER, row["sealed_answer"], to, connection=connection)
            return MatchAnswer.model_validate_json(opened)
        except (SealBroken, ValidationError):  # of other rules, or of a version that answered otherwise
            return None

    def _digest(self, connection: Connection, submission: Submission) -> bytes:
        """Return a keyed digest of a check: without the key, nobody can test a guess of the probe against it."""
        partner = submission.caller.partner
        return self._keys.digest_for(partner, "match request", submission.identity, connection=connection)


def _is(submission: Submission) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return checks.c.partner == submission.caller.partner, checks.c.check_id == submission.check_id


def _bound_to(submission: Submission, rules: str) -> str:
    return f"{submission.check_id} {rules}"


def _answer(request: MatchRequest, conclusion: Conclusion, flag_id: UUID, receipt: Receipt) -> MatchAnswer:
    return MatchAnswer(
        check_id=request.check_id,
        outcome=conclusion.outcome,
        complete=conclusion.complete,
        gallery_sequence=conclusion.gallery_sequence,
        exercise=request.exercise,
        flag_id=flag_id if conclusion.shown else None,
        samples=conclusion.probe.messages,
        candidates=conclusion.shown,
        quotas=[QuotaMessage(**asdict(quota)) for quota in conclusion.gathered.quotas],
        receipt=ReceiptMessage(**receipt.plain()),
    )


def _flag(submission: Submission, conclusion: Conclusion) -> FlagToOpen:
    caller, request = submission.caller, submission.request
    return FlagToOpen(
        id=conclusion.flag_id,
        partner=caller.partner,
        check_id=request.check_id,
        checkpoint=request.checkpoint,
        purpose=request.purpose,
        complete=conclusion.complete,
        at=conclusion.at,
        emergency=request.emergency,
        exercise=request.exercise,
        asked=AskedAs.of(conclusion.gathered.asked),
        candidates=tuple(FlaggedCandidate.of(candidate, conclusion.at) for candidate in conclusion.candidates),
        log_until=conclusion.log_until,
        log_for=conclusion.gathered.log_terms.duration(Obligation.LOG_FOR),
        terminal=caller.name,
        samples=tuple(map(SampleNote.of, conclusion.probe.samples)),
    )
