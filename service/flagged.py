"""What a check leaves to be flagged: plain data, as it was decided at the check, whenever it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from models.samples import Modality, Position, ReasonCode
from service.disclosure import DisclosedCandidate
from service.probes import JudgedSample
from service.roles import Role
from watchlists.agreements import Clause, Disclosure, Level, Obligation, Request

TIMED: Final = (Obligation.CONFIRM_WITHIN, Obligation.RELEASE_BY_OWNER, Obligation.EX_POST_AUTHORISATION)
"""Duties with a deadline, after which they take effect unsettled."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One duty, and the moment from which on it is too late; None if there is no hurry."""

    obligation: Obligation
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class AskedAs:
    """What rules read of a request beside what a flag says anyway; the case reference is not kept.

    Args: as `Request` has them.
    """

    country: str = ""
    authority: str = ""
    justified: tuple[str, ...] = ()
    authorised_by: tuple[str, ...] = ()
    emergency: bool = False
    exhausted: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: Request) -> AskedAs:
        """Take down a request."""
        sets = (tuple(sorted(each)) for each in (asked.justified, asked.authorised_by, asked.exhausted))
        justified, authorised_by, exhausted = sets
        return cls(asked.country, asked.authority, justified, authorised_by, asked.emergency, exhausted)

    def request(self, partner: str, purpose: str, checkpoint: str, *, exercise: bool) -> Request:
        """Return the request again, with what the flag says of it."""
        return Request(
            partner=partner,
            role=Role.TERMINAL,
            purpose=purpose,
            case_reference=None,
            checkpoint=checkpoint,
            country=self.country,
            authority=self.authority,
            justified=frozenset(self.justified),
            authorised_by=frozenset(self.authorised_by),
            emergency=self.emergency,
            exercise=exercise,
            exhausted=frozenset(self.exhausted),
        )


@dataclass(frozen=True, slots=True)
class SampleNote:
    """A sample of the probe, and what was to be said of its quality at the check."""

    modality: Modality
    position: Position | None
    accepted: bool
    reasons: tuple[ReasonCode, ...] = ()

    @classmethod
    def of(cls, sample: JudgedSample) -> SampleNote:
        """Take down what became of a sample."""
        reasons = tuple(reason.code for reason in sample.assessment.reasons)
        return cls(sample.modality, sample.position, sample.assessment.accepted, reasons)


@dataclass(frozen=True, slots=True)
class FlaggedCandidate:
    """A candidate of a flag, with what the rules have decided of its entry.

    Args:
        id: of the candidate.
        owner, watchlist, entry: what was found.
        score: -log10(FMR).
        level, later_level: words of what may be seen at once, and later; None if that is no more.
        decided_by: the clauses behind both.
        terms: texts of the duties, now and later.
        silent: the terminal sees nothing of it.
        owed: what people owe because of it, with deadlines counted from the check.
        face, finger: the score of that modality alone, None if it was not compared.
        sequence: the change that wrote the entry as it was compared.
    """

    id: UUID
    owner: str
    watchlist: str
    entry: str
    score: float
    level: str
    later_level: str | None
    decided_by: tuple[Clause, ...]
    terms: tuple[str, ...]
    silent: bool
    owed: tuple[Owed, ...]
    face: float | None = None
    finger: float | None = None
    sequence: int | None = None

    @classmethod
    def of(cls, candidate: DisclosedCandidate, at: datetime) -> FlaggedCandidate:
        """Take down what `candidate` of a check at that moment leaves to people."""
        found, decision = candidate.found, candidate.decision
        return cls(
            id=candidate.id,
            owner=found.klass.owner,
            watchlist=found.key.watchlist,
            entry=found.key.entry,
            score=found.score,
            level=decision.level.word,
            later_level=None if decision.later is None else decision.later.level.word,
            decided_by=decision.deciding,
            terms=decision.duties.texts,
            silent=decision.silent,
            owed=owed(decision, at),
            face=found.face,
            finger=found.finger,
            sequence=found.sequence,
        )

    @property
    def shown(self) -> bool:
        """Whether the terminal sees anything of it."""
        return not self.silent and self.level != Level.NONE.word

    @property
    def recorded(self) -> dict[str, str | bool]:
        """What an audit event says of it."""
        return {
            "owner": self.owner,
            "watchlist": self.watchlist,
            "entry": self.entry,
            "level": self.level,
            "silent": self.silent,
            "waits": self.later_level is not None,
            "decided_by": ", ".join(f"{by.agreement} v{by.version} {by.clause}" for by in self.decided_by),
        }


@dataclass(frozen=True, slots=True)
class FlagToOpen:
    """A check, as it is flagged; without candidates there is nothing to open.

    Args:
        id: of the flag.
        partner: who asked.
        check_id, checkpoint, purpose: of the check.
        complete: whether everything that could be searched was.
        at: when the check was made; the flag counts as opened then.
        emergency: the emergency that the check belongs to.
        exercise: nothing of it is real.
        asked: as what rules read the request.
        candidates: all of them, also those that the terminal sees nothing of.
        log_until: when what the audit log says of it has to be deleted; None to keep it.
        log_for: how long what it says of the review is kept; None for ever.
        terminal: the name of the terminal.
        samples: of the probe.
    """

    id: UUID
    partner: str
    check_id: UUID
    checkpoint: str
    purpose: str
    complete: bool
    at: datetime
    emergency: UUID | None
    exercise: bool
    candidates: tuple[FlaggedCandidate, ...]
    asked: AskedAs = AskedAs()
    log_until: datetime | None = None
    log_for: timedelta | None = None
    terminal: str | None = None
    samples: tuple[SampleNote, ...] = ()

    @property
    def decided_alone_by(self) -> str | None:
        """The agreement that decided on all candidates; None if there are several."""
        deciding = {clause.agreement for candidate in self.candidates for clause in candidate.decided_by}
        return deciding.pop() if len(deciding) == 1 else None


def owed(decision: Disclosure, at: datetime) -> tuple[Owed, ...]:
    """Return the duties that a disclosure leaves, those with a deadline first.

    `notify-owner` is due at once: to open the duties is to settle it.
    """
    terms = decision.duties
    found = [
        Owed(obligation, at + within) for obligation in TIMED if (within := terms.duration(obligation)) is not None
    ]
    if terms.has(Obligation.NOTIFY_OWNER):
        found.append(Owed(Obligation.NOTIFY_OWNER, at))
    if terms.has(Obligation.ALWAYS_REVIEW):
        found.append(Owed(Obligation.ALWAYS_REVIEW, None))
    return tuple(found)
