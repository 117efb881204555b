"""The JSON of the review desk: its views (`service.review.views`) with the names of the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from models.calibration import Band
from models.samples import Modality, Position, ReasonCode
from service.api.messages import CandidateMessage, ClauseMessage, Message, SeenLinkMessage, SeenSubjectMessage
from service.review.outcomes import Outcome
from service.review.views import (
    CandidateView,
    FlagState,
    FlagView,
    HistoryKind,
    QueueItem,
    QueuePage,
    Seen,
    Urgency,
    WhyNot,
)
from watchlists.agreements.release import ReleaseState, Settlement, VerdictKind

LongText = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]


class VerdictBody(Message):
    candidate_id: UUID
    verdict: VerdictKind
    reason: LongText = Field(repr=False, description="In the reviewer's words; sealed for the partner that asked")


class WaiverBody(Message):
    candidate_id: UUID
    ground: LongText = Field(repr=False, examples=["Police Act of XA, s. 12(3)"], description="The law that allows it")


class AuthorisationAfterwardsBody(Message):
    candidate_id: UUID
    granted: bool
    decision: LongText = Field(repr=False, description="Which authority has decided, and the reference of its decision")


class QueueItemMessage(BaseModel):
    """A flag in the queue."""

    flag_id: UUID
    partner: str = Field(examples=["xa"], description="Who asked")
    opened_at: AwareDatetime
    due_at: AwareDatetime | None = Field(description="The next deadline")
    urgency: str = Field(examples=["routine", "raised", "urgent", "overdue"])
    purpose: str
    checkpoint: str
    exercise: bool
    emergency: bool
    silent: bool = Field(description="There is a candidate of whom the terminal sees nothing")
    state: FlagState
    candidates: int
    desk: str | None = Field(description="The agreement by which several partners share the flag")
    mine: bool = Field(description="It waits for a verdict of yours")
    withdrawn: bool = Field(description="The owners of all candidates have withdrawn their entries")

    @classmethod
    def of(cls, item: QueueItem) -> Self:
        return cls.model_validate(asdict(item) | {"flag_id": item.id, "urgency": _word(item.urgency)})


class QueueMessage(BaseModel):
    flags: list[QueueItemMessage]
    following: str | None = Field(description="To be sent as `after` for the next page; null at the end")

    @classmethod
    def of(cls, page: QueuePage) -> Self:
        return cls(flags=[QueueItemMessage.of(item) for item in page.items], following=page.following)


class SampleNoteMessage(BaseModel):
    modality: Modality
    position: Position | None
    accepted: bool
    reasons: list[ReasonCode]


class ScoreMessage(BaseModel):
    modality: Modality | None = Field(description="Null: of everything that was compared, together")
    value: float
    one_in: int = Field(description="So many comparisons with strangers give one false match on average")


class SeenMessage(BaseModel):
    """What may be seen of a candidate now; null where level or agreement hides it."""

    level: str
    band: Band | None
    scores: list[ScoreMessage]
    reference: str | None
    category: str | None
    subject: SeenSubjectMessage | None
    links: list[SeenLinkMessage] | None
    misused_identity: SeenSubjectMessage | None
    handling: list[str]

    @classmethod
    def of(cls, seen: Seen) -> Self:
        fields: dict[str, Any] = {name: getattr(seen, name) for name in Seen.__slots__}
        return cls.model_validate(fields | {"scores": [asdict(score) for score in seen.scores]})


class LaterMessage(BaseModel):
    level: str
    by_owner: bool = Field(description="The owner has to release it too")


class DemandedMessage(BaseModel):
    """How many people have to say the same independently."""

    count: int
    asked: int = Field(description="By agreements. Where none asks, one person looks at every flag all the same.")
    waivable: bool
    waived: bool
    ground: str | None


class OwedMessage(BaseModel):
    obligation: str
    due_at: AwareDatetime | None
    by: str = Field(description="The partner that owes it")


class VerdictMessage(BaseModel):
    partner: str
    reviewer: str
    verdict: VerdictKind
    at: AwareDatetime
    reason: str | None
    own: bool


class FlaggedCandidateMessage(BaseModel):
    """A candidate as this reviewer may see it."""

    candidate_id: UUID
    owner: str
    seen: SeenMessage | None
    later: LaterMessage | None
    decided_by: list[ClauseMessage]
    duties: list[str]
    owed: list[OwedMessage]
    demanded: DemandedMessage
    review: Settlement
    release: ReleaseState
    verdicts: list[VerdictMessage] = Field(description="Yours; and those of others once as many are in as are needed")
    why_not: WhyNot | None = Field(description="Why you may not give a verdict; null if you may")
    may_waive: bool
    may_authorise: bool
    action: str | None = Field(description="What is to be done, once everything has happened that the rules ask for")
    action_waits: bool
    silent: bool
    withdrawn: bool
    changed: bool
    voided_at: AwareDatetime | None

    @classmethod
    def of(cls, view: CandidateView) -> Self:
        fields: dict[str, Any] = {name: getattr(view, name) for name in CandidateView.__slots__}
        return cls.model_validate(
            fields
            | {
                "candidate_id": view.id,
                "seen": None if view.seen is None else SeenMessage.of(view.seen),
                "later": None if view.later is None else asdict(view.later),
                "decided_by": [asdict(each.clause) for each in view.decided_by],
                "owed": [asdict(each) for each in view.owed],
                "demanded": asdict(view.demanded),
                "verdicts": [asdict(each) | {"verdict": each.kind} for each in view.verdicts],
            }
        )


class HistoryMessage(BaseModel):
    at: AwareDatetime
    kind: HistoryKind
    who: str | None
    candidate: UUID | None
    word: str | None


class FlagMessage(BaseModel):
    flag_id: UUID
    check_id: UUID
    partner: str
    opened_at: AwareDatetime
    due_at: AwareDatetime | None
    overdue_at: AwareDatetime | None
    urgency: str
    purpose: str
    checkpoint: str
    exercise: bool
    emergency: bool
    silent: bool
    complete: bool
    state: FlagState
    desk: str | None
    samples: list[SampleNoteMessage]
    candidates: list[FlaggedCandidateMessage]
    history: list[HistoryMessage]

    @classmethod
    def of(cls, view: FlagView) -> Self:
        fields: dict[str, Any] = {name: getattr(view, name) for name in FlagView.__slots__}
        return cls.model_validate(
            fields
            | {
                "flag_id": view.id,
                "urgency": _word(view.urgency),
                "samples": [asdict(sample) for sample in view.samples],
                "candidates": [FlaggedCandidateMessage.of(candidate) for candidate in view.candidates],
                "history": [asdict(line) for line in view.history],
            }
        )


class CandidateOutcomeMessage(CandidateMessage):
    """A candidate with what this terminal may see of it now."""

    review: Settlement = Field(description="What people have come to; open until they have")
    more: bool = Field(description="More may be seen later")


class OutcomeMessage(BaseModel):
    """What has become of a check, as far as the terminal may know."""

    check_id: UUID
    outcome: str = Field(examples=["nothing-to-see", "flagged"])
    flag_id: UUID | None
    candidates: list[CandidateOutcomeMessage]

    @classmethod
    def of(cls, check_id: UUID, outcome: Outcome) -> Self:
        return cls(
            check_id=check_id,
            outcome="flagged" if outcome.candidates else "nothing-to-see",
            flag_id=outcome.flag,
            candidates=[
                CandidateOutcomeMessage(**dict(each.shown), review=each.review, more=each.more)
                for each in outcome.candidates
            ],
        )


def _word(urgency: Urgency) -> str:
    return urgency.name.lower()
