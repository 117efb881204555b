"""Flags: checks with candidates, written down for people to decide on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.duties import Duties
from service.flagged import FlaggedCandidate, FlagToOpen
from service.review.flag_state import refresh
from service.schema import flag_candidates, flags
from watchlists.agreements import Obligation

ACTOR: Final = "flag opener"
# Made once: to build a statement takes longer than to run it.
_INSERT: Final = flags.insert()
_INSERT_CANDIDATES: Final = flag_candidates.insert()


class Flags:
    """Opens flags, with what is owed of their candidates."""

    def __init__(self, duties: Duties) -> None:
        self._duties = duties

    def open(self, connection: Connection, flag: FlagToOpen) -> None:
        """Write a flag that has candidates, its duties and its event in the transaction of `connection`.

        Candidates that the terminal sees nothing of are among them: reviewers do. Where the rules say so, owners have
        an event of their own in the log.
        """
        connection.execute(_INSERT, _flag_row(flag))
        connection.execute(_INSERT_CANDIDATES, [_row(flag, candidate) for candidate in flag.candidates])
        self._duties.open(connection, flag)
        refresh(connection, str(flag.id), flag.at)
        told = sorted({candidate.owner for candidate in flag.candidates if _is_told(flag, candidate)})
        events = [_event(EventKind.FLAG_OPENED, flag, flag.partner, _event_details(flag))]
        events += [_event(EventKind.ENTRY_FOUND, flag, owner, _owner_details(flag, owner)) for owner in told]
        audit.record_all(connection, events)


def _event(kind: EventKind, flag: FlagToOpen, partner: str, details: audit.Details) -> audit.Event:
    return audit.Event(kind, partner, ACTOR, flag.at, details, flag.log_until)


def _is_told(flag: FlagToOpen, candidate: FlaggedCandidate) -> bool:
    """Whether the rules have the owner read in the log of this hit: in an entry of its own, of its own alerts alone."""
    return candidate.owner != flag.partner and Obligation.OWNER_LOG in candidate.terms


def _flag_row(flag: FlagToOpen) -> dict[str, object]:
    return {
        "id": str(flag.id),
        "partner": flag.partner,
        "check_id": str(flag.check_id),
        "checkpoint": flag.checkpoint,
        "purpose": flag.purpose,
        "complete": flag.complete,
        "opened_at": flag.at,
        "exercise": flag.exercise,
        "asked": asdict(flag.asked),
        "terminal": flag.terminal,
        "emergency": flag.emergency is not None,
        "samples": [asdict(sample) for sample in flag.samples],
        "log_for": None if flag.log_for is None else int(flag.log_for.total_seconds()),
        "desk": flag.decided_alone_by,
    }


def _row(flag: FlagToOpen, candidate: FlaggedCandidate) -> dict[str, object]:
    return {
        "candidate_id": str(candidate.id),
        "flag_id": str(flag.id),
        "owner": candidate.owner,
        "watchlist": candidate.watchlist,
        "entry": candidate.entry,
        "score": candidate.score,
        "level": candidate.level,
        "decided_by": [asdict(clause) for clause in candidate.decided_by],
        "terms": list(candidate.terms),
        "later_level": candidate.later_level,
        "silent": candidate.silent,
        "face": candidate.face,
        "finger": candidate.finger,
        "sequence": candidate.sequence,
    }


def _owner_details(flag: FlagToOpen, owner: str) -> audit.Details:
    found = [candidate for candidate in flag.candidates if candidate.owner == owner and _is_told(flag, candidate)]
    return {
        "partner": flag.partner,
        "purpose": flag.purpose,
        "exercise": flag.exercise,
        "candidates": [candidate.recorded | {"candidate_id": str(candidate.id)} for candidate in found],
    }


def _event_details(flag: FlagToOpen) -> audit.Details:
    return {
        "check_id": str(flag.check_id),
        "flag_id": str(flag.id),
        "exercise": flag.exercise,
        "candidates": [candidate.recorded for candidate in flag.candidates],
    }
