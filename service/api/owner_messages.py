"""The JSON of the owner partner's calls: watchlists and their entries."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AliasChoices, AwareDatetime, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from models.samples import Position
from service.api.messages import (
    FaceImage,
    FingerprintTemplate,
    HandlingCode,
    Identifier,
    Message,
    Moment,
    Slug,
    SubjectMessage,
    Text,
)
from watchlists.records import Age, LinkKind, Quarantine

AUTHOR = r"^[a-z0-9]+(-[a-z0-9]+)*/[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
LONGEST_SENTENCE = 1200
"""Months; what carries a sentence for life is given as this."""


class WatchlistBody(Message):
    title: Text = Field(examples=["Wanted persons of XB"])


class WatchlistMessage(BaseModel):
    watchlist: str
    owner: str
    title: str
    entries: int


class WatchlistsMessage(BaseModel):
    watchlists: list[WatchlistMessage]


class LinkMessage(Message):
    """From an entry to another one, of the same owner or of another; whether that exists is not checked."""

    kind: LinkKind = Field(examples=["associated"])
    watchlist: Identifier = Field(examples=["xa-missing"], repr=False)
    entry: Identifier = Field(examples=["E-2026-0031"], repr=False)


class ProvenanceMessage(Message):
    """Where an entry comes from. Sealed with the subject, and never disclosed: its owner alone reads it back."""

    source: Text = Field(
        examples=["State police of XB, warrant register"],
        description="The authority, register or case that it was entered from",
        repr=False,
    )
    captured_at: Moment | None = Field(default=None, description="When its samples were captured, if that is known")


class EnrolledFace(FaceImage):
    keep_portrait: bool = Field(
        default=True,
        description="Keep a picture of the face, sealed with the entry, for reviewers to compare; shown to nobody whom "
        "an agreement does not permit `compare face`",
    )


class EntryBody(Message):
    """One subject on a watchlist, as its owner writes it."""

    category: Slug = Field(examples=["wanted"])
    action: Slug = Field(examples=["inform-officer"])
    handling: Annotated[tuple[HandlingCode, ...], Field(max_length=20)] = ()
    subject: SubjectMessage = SubjectMessage()
    provenance: ProvenanceMessage
    author: Annotated[str, Field(pattern=AUTHOR)] | None = Field(
        default=None,
        examples=["xb/m.ortega"],
        description="Who entered the alert, as the partner and the name of a user; if it is left out, partner and name "
        "of the caller. Whoever this is cannot confirm a hit on the entry. For the owner alone",
        repr=False,
    )
    faces: Annotated[tuple[EnrolledFace, ...], Field(max_length=20)] = ()
    fingerprints: Annotated[tuple[FingerprintTemplate, ...], Field(max_length=20)] = ()
    review_at: Moment | None = None
    expires_at: Moment | None = None
    excluded: Annotated[tuple[Slug, ...], Field(max_length=200)] = Field(
        default=(),
        examples=[["xc"]],
        description="Partners or countries to whom the entry does not exist, whatever an agreement says",
    )
    flagged_by: Annotated[tuple[Slug, ...], Field(max_length=200)] = Field(
        default=(), examples=[["xd"]], description="Partners in whose territory the action is not to be taken"
    )
    hidden_until: Moment | None = Field(
        default=None, description="Before this moment the entry exists for its owner alone"
    )
    in_child_interest: bool = Field(default=False, description="Entered to protect the child that it is about")
    gravity_months: int | None = Field(
        default=None, ge=0, le=LONGEST_SENTENCE, description="Longest sentence that the offence carries"
    )
    contested: bool = Field(default=False, description="The subject contests that the data are accurate")
    exercise: bool = Field(default=False, description="For exercise or research; never compared with a live probe")
    links: Annotated[tuple[LinkMessage, ...], Field(max_length=100)] = Field(
        default=(), description="To other entries, in any order; seen by those who may see both entries", repr=False
    )
    misused_identity: SubjectMessage | None = Field(
        default=None, description="The person whose identity the subject uses, so that the two can be told apart"
    )

    overrule_quarantine: bool = Field(
        default=False,
        description="The owner has looked: the entry is to be searched although it is like far too many people",
    )

    @model_validator(mode="after")
    def _has_a_sample(self) -> Self:
        if not self.faces and not self.fingerprints:
            raise PydanticCustomError("no_samples", "An entry needs a face image or a fingerprint template")
        return self


class ImportLine(EntryBody):
    """One line of an import: an entry and its id."""

    entry_id: Identifier = Field(validation_alias=AliasChoices("entry_id", "id"))


class EntryMessage(BaseModel):
    """An entry as its owner reads it back: everything but the templates, which never leave."""

    watchlist: str
    entry_id: str
    category: str
    action: str
    handling: list[str]
    subject: SubjectMessage
    face_templates: int
    portraits: int = Field(description="How many of its faces a portrait is kept of; no call returns it")
    finger_positions: list[Position]
    review_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    excluded: list[str]
    flagged_by: list[str]
    hidden_until: AwareDatetime | None
    age: Age = Field(
        description="Of the subject, by its date of birth; it follows by itself on the day of the birthday"
    )
    in_child_interest: bool
    gravity_months: int | None
    contested: bool
    exercise: bool
    links: list[LinkMessage] = Field(repr=False)
    misused_identity: SubjectMessage | None
    author: str | None = Field(description="None only for entries that are older than this field")
    provenance: ProvenanceMessage | None = Field(description="None only for entries that are older than this field")
    quarantined: Quarantine | None = Field(description="Why the entry is not searched, nor copied to other nodes")
    sequence: int


class NearDuplicateMessage(BaseModel):
    """Another entry of the same owner that is of the same person, as it seems."""

    watchlist: str = Field(examples=["xb-wanted"])
    entry_id: str = Field(examples=["E-2026-0003"])
    score: float = Field(examples=[6.2], description="-log10 of the false match rate, cut to tenths")


class QuarantinedMessage(BaseModel):
    entry_id: str
    quarantined: Quarantine


class QuarantineMessage(BaseModel):
    entries: list[QuarantinedMessage]


class PurposeAnswer(BaseModel):
    entry_id: str
    expires_at: AwareDatetime = Field(description="When the entry ends, by its own date and by the agreements")


class WriteAnswer(BaseModel):
    entry_id: str
    status: str = Field(examples=["created", "replaced", "unchanged"])
    sequence: int = Field(description="Searches from this gallery_sequence on include the write")
    quarantined: Quarantine | None = Field(
        default=None,
        description="The entry is stored and not searched, because it is like far too many people: replace its "
        "samples, or send it again with `overrule_quarantine`",
    )
    near_duplicates: list[NearDuplicateMessage] = Field(
        default=[], description="Other entries of the caller's partner that it is like, best first; at most 20"
    )
