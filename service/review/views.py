"""What the desk shows, as data: pages and API put it into words. Nothing here that its reader may not see.

Whoever makes one of these has masked it: a field that a rule hides is None, and a verdict that its reader must not know
yet is not there, nor any number that would tell of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from models.calibration import Band
from models.samples import Modality
from service.flagged import SampleNote as SampleNote  # as part of what is shown
from watchlists.agreements import Clause, Obligation
from watchlists.agreements.release import ReleaseState, Settlement, VerdictKind


class FlagState(StrEnum):
    """Where a flag is. A first verdict of two changes nothing here: nobody shall know of it."""

    OPEN = "open"
    """People have to say something of a candidate."""
    WAITING = "waiting"
    """People have; the owner's release or an authorisation afterwards is still to come."""
    SETTLED = "settled"
    """Nobody has to do anything any more."""
    VOID = "void"
    """Nothing of it stands: with its agreement, or because nobody authorised it afterwards."""


class Urgency(IntEnum):
    """How pressing a flag is; the queue shows the highest first, and among equals the nearest deadline."""

    ROUTINE = 0
    RAISED = 1
    """Half of the time of a deadline is gone; or the alarm is silent, and the person still stands there."""
    URGENT = 2
    """A deadline is near, or the check was made in an emergency."""
    OVERDUE = 3
    """A deadline has passed, and people have not settled it."""


class WhyNot(StrEnum):
    """Why the reader may not give a verdict on a candidate."""

    GIVEN = "given"
    """They have given theirs, and it stays."""
    AUTHOR = "author"
    """They entered the alert."""
    SETTLED = "settled"
    """As many as are needed have said theirs."""
    VOID = "void"
    """Nothing of the candidate stands."""


class HistoryKind(StrEnum):
    """What a line of the history tells."""

    OPENED = "opened"
    VERDICT = "verdict"
    WAIVED = "waived"
    SETTLED = "settled"
    RELEASED = "released"
    RELEASE_GRANTED = "release-granted"
    RELEASE_REFUSED = "release-refused"
    AUTHORISED_AFTERWARDS = "authorised-afterwards"
    REFUSED_AFTERWARDS = "refused-afterwards"
    DUTY_SETTLED = "duty-settled"
    DUTY_LAPSED = "duty-lapsed"
    ESCALATED = "escalated"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which flags of the queue are wanted. There is no free text to search in.

    Args:
        exercise: those of exercises, and only those; otherwise none of them.
        mine: only those that wait for a verdict of the reader.
    """

    state: FlagState = FlagState.OPEN
    purpose: str | None = None
    checkpoint: str | None = None
    exercise: bool = False
    mine: bool = False


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A flag in the queue.

    Args:
        partner: who asked.
        due_at: the next deadline; None if there is no hurry.
        silent: there is a candidate of whom the terminal sees nothing.
        candidates: how many there are.
        desk: id of the agreement by which several partners share the flag; None if it is the partner's own.
        mine: it waits for a verdict of the reader.
        withdrawn: it is not over, and the owners of all its candidates have withdrawn their entries.
    """

    id: UUID
    partner: str
    opened_at: datetime
    due_at: datetime | None
    urgency: Urgency
    purpose: str
    checkpoint: str
    exercise: bool
    emergency: bool
    silent: bool
    state: FlagState
    candidates: int
    desk: str | None
    mine: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue. Args: following: what to ask with for the next page; None at the end."""

    items: tuple[QueueItem, ...]
    following: str | None


@dataclass(frozen=True, slots=True)
class ScoreView:
    """A score in the form that the rules allow.

    Args:
        modality: of which it is; None for that of everything that was compared, together.
        value: -log10(FMR).
        one_in: so many comparisons with strangers give one false match on average.
    """

    modality: Modality | None
    value: float
    one_in: int


@dataclass(frozen=True, slots=True)
class Deciding:
    """A clause that decided, and the title of its agreement; None if that is no longer loaded."""

    clause: Clause
    title: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What may be seen of a candidate now, masked; what to do is in `CandidateView.action`.

    Args:
        level: word of the level.
        reference: of the entry, or its pseudonym.
        subject, misused_identity: biographic fields by name, as far as they may be seen.
        links: of kind and reference, as far as they may be seen.
        handling: codes that travel with every field.
    """

    level: str
    band: Band | None = None
    scores: tuple[ScoreView, ...] = ()
    reference: str | None = None
    category: str | None = None
    subject: Mapping[str, Any] | None = field(default=None, repr=False)
    links: tuple[Mapping[str, str], ...] | None = None
    misused_identity: Mapping[str, Any] | None = field(default=None, repr=False)
    handling: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LaterView:
    """What may be seen later. Args: level: word of the level. by_owner: the owner has to release it too."""

    level: str
    by_owner: bool


@dataclass(frozen=True, slots=True)
class Demanded:
    """How many people have to say the same, independently.

    Args:
        count: how many.
        asked: how many the agreements ask for; 0 if none of them does: one person looks at every flag all the same.
        waivable: the second may be done without, on a legal ground.
        waived: that was done.
        ground: the legal ground, if so.
    """

    count: int
    asked: int
    waivable: bool
    waived: bool
    ground: str | None = None


@dataclass(frozen=True, slots=True)
class OwedView:
    """A duty with its deadline. Args: by: the partner that owes it."""

    obligation: Obligation
    due_at: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class VerdictView:
    """A verdict that the reader may know of.

    Args:
        partner, reviewer: whose it is.
        reason: None once nothing of the candidate stands.
        own: it is the reader's.
    """

    partner: str
    reviewer: str
    kind: VerdictKind
    at: datetime
    reason: str | None = field(repr=False)
    own: bool


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate as the reader may see it.

    Args:
        seen: what of it; None if nothing, now or any more.
        later: what may be seen later; None if that is no more.
        duties: what the agreements ask for, as a rule spells it.
        owed: what is still to be done, the nearest deadline first.
        review: what people have come to.
        release: whether what waits may be seen.
        verdicts: that the reader may know of: their own; all once enough are in, and to the third reviewer.
        why_not: why the reader may not give a verdict; None if they may.
        may_waive: the reader may do without the second reviewer, on a legal ground.
        may_authorise: the reader may write down that it was authorised afterwards, or was not.
        action: what is to be done; only once everything has happened that the rules ask for.
        action_waits: there is one, and it is not shown yet.
        silent: the terminal sees nothing of it.
        withdrawn: the owner has withdrawn the entry: nothing is seen of it, and there is nothing to compare.
        changed: the owner has written the entry again since the check.
        voided_at: when it was purged.
    """

    id: UUID
    owner: str
    seen: Seen | None
    later: LaterView | None
    decided_by: tuple[Deciding, ...]
    duties: tuple[str, ...]
    owed: tuple[OwedView, ...]
    demanded: Demanded
    review: Settlement
    release: ReleaseState
    verdicts: tuple[VerdictView, ...]
    why_not: WhyNot | None
    may_waive: bool
    may_authorise: bool
    action: str | None
    action_waits: bool
    silent: bool
    withdrawn: bool
    changed: bool
    voided_at: datetime | None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """Something that happened, as far as the reader may know.

    Args:
        who: a person, as `partner/name`, or a partner; None for the service itself.
        candidate: that it was about; None for the flag.
        word: what exactly: a verdict, a duty, a level, how far a deadline was gone.
    """

    at: datetime
    kind: HistoryKind
    who: str | None = None
    candidate: UUID | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True)
class FlagView:
    """A flag with everything that its reader may see of it. Args: see `QueueItem`; samples: of the probe."""

    id: UUID
    check_id: UUID
    partner: str
    opened_at: datetime
    due_at: datetime | None
    overdue_at: datetime | None
    urgency: Urgency
    purpose: str
    checkpoint: str
    exercise: bool
    emergency: bool
    silent: bool
    complete: bool
    state: FlagState
    desk: str | None
    samples: tuple[SampleNote, ...]
    candidates: tuple[CandidateView, ...]
    history: tuple[HistoryLine, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What the owner of an entry is asked: to let the partner that found it see more. Nothing of the person found.

    Args:
        candidate: id to answer with.
        partner: who asks.
        level: word of the level that would be seen.
    """

    candidate: UUID
    partner: str
    purpose: str
    exercise: bool
    watchlist: str
    entry: str
    level: str
    asked_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class AuthorisationRequest:
    """What the owner of entries is asked before a search: to let a partner search for another purpose in one case."""

    partner: str
    purpose: str
    exercise: bool
    asked_at: datetime
    case_reference: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToAuthorise:
    """What the reader's partner has seen, and an authority has still to authorise, or it is purged."""

    flag: UUID
    candidate: UUID
    owner: str
    purpose: str
    exercise: bool
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Inbox:
    """What a partner is asked for, beside its flags."""

    releases: tuple[ReleaseRequest, ...]
    authorisations: tuple[AuthorisationRequest, ...]
    afterwards: tuple[ToAuthorise, ...]
