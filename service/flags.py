"""Flags: checks with candidates, written down for people to decide on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection

from service.disclosure import DisclosedCandidate
from service.duties import Duties, FlaggedCandidate, OpenedFlag
from service.schema import flag_candidates, flags

__all__ = ["Flags", "OpenedFlag"]


class Flags:
    """Opens flags, with what is owed of their candidates."""

    def __init__(self, duties: Duties) -> None:
        self._duties = duties

    def open(self, connection: Connection, flag: OpenedFlag, candidates: Sequence[DisclosedCandidate]) -> None:
        """Write a flag, its candidates and their duties in the transaction of the check.

        Candidates that the terminal sees nothing of are among them: reviewers do.
        """
        connection.execute(
            flags.insert().values(
                id=str(flag.id),
                partner=flag.partner,
                check_id=str(flag.check_id),
                checkpoint=flag.checkpoint,
                purpose=flag.purpose,
                complete=flag.complete,
                opened_at=flag.at,
                exercise=flag.exercise,
            )
        )
        connection.execute(flag_candidates.insert(), [_row(flag, candidate) for candidate in candidates])
        self._duties.open(connection, flag, [_flagged(candidate) for candidate in candidates])


def _row(flag: OpenedFlag, candidate: DisclosedCandidate) -> dict[str, object]:
    found, decision = candidate.found, candidate.decision
    return {
        "candidate_id": str(candidate.id),
        "flag_id": str(flag.id),
        "owner": found.klass.owner,
        "watchlist": found.key.watchlist,
        "entry": found.key.entry,
        "score": found.score,
        "level": decision.level.word,
        "decided_by": [asdict(clause) for clause in decision.deciding],
        "terms": list(decision.duties.texts),
        "later_level": None if decision.later is None else decision.later.level.word,
        "silent": decision.silent,
    }


def _flagged(candidate: DisclosedCandidate) -> FlaggedCandidate:
    found = candidate.found
    return FlaggedCandidate(candidate.id, found.klass.owner, found.key.watchlist, found.key.entry, candidate.decision)
