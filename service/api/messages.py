"""The JSON that goes over the wire, checked by pydantic: binary is base64, timestamps carry a zone.

Field values never appear in errors (`hide_input_in_errors`), samples and biographic fields not in `repr` either.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

import pybase64
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema

from models.calibration import FINGER_PPI_RANGE, Band
from models.samples import Modality, Position, ReasonCode, Severity
from watchlists.records import LinkKind

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
HandlingCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9:+._-]+$", max_length=32)]
# PostgreSQL cannot hold the character 0 in a text.
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


def _only_text(unverified_moment: object) -> object:
    if not isinstance(unverified_moment, str):  # a bare number would be read as seconds since 1970
        raise PydanticCustomError("timestamp", "Input should be a string with date, time and zone")
    return unverified_moment


Moment = Annotated[AwareDatetime, BeforeValidator(_only_text, json_schema_input_type=datetime)]


def _decode_base64(unverified_text: str) -> bytes:
    try:
        return pybase64.b64decode(unverified_text, validate=True)
    except ValueError:
        raise PydanticCustomError("base64", "Input should be standard base64 with padding") from None


def _encode_base64(data: bytes) -> str:
    return pybase64.b64encode_as_string(data)


def _base64_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    text = core_schema.str_schema(
        min_length=4, metadata={"pydantic_js_updates": {"contentEncoding": "base64", "format": "byte"}}
    )
    # Without a serializer of its own, pydantic would warn of the type and quote the sample in the warning.
    encode = core_schema.plain_serializer_function_ser_schema(_encode_base64)
    return core_schema.no_info_after_validator_function(_decode_base64, text, serialization=encode)


Base64 = Annotated[bytes, GetPydanticSchema(_base64_schema)]


class Message(BaseModel):
    # What is said of a person must not stay in the memory of a parser, which would keep it for the next text like it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, cache_strings="none")


class FaceImage(Message):
    image: Base64 = Field(description="JPEG, PNG, WebP or JPEG 2000 file", repr=False)


class FingerprintTemplate(Message):
    position: Position = Position.UNKNOWN
    template: Base64 = Field(description="ISO/IEC 19794-2 or ANSI/INCITS 378 minutiae record", repr=False)
    assume_ppi: int | None = Field(
        default=None,
        ge=FINGER_PPI_RANGE[0],
        le=FINGER_PPI_RANGE[1],
        description="Resolution of the image in pixels an inch, in place of the one that the record states. Only for "
        "scanners that are known to state a wrong one; it spoils a record that tells the truth.",
    )


class MatchRequest(Message):
    """One person presents themself at one checkpoint."""

    check_id: UUID = Field(description="Chosen by the terminal; the same id in the same bytes gives the same answer.")
    purpose: Slug = Field(examples=["border-check"])
    case_reference: Text | None = Field(default=None, repr=False)
    justification: Text | None = Field(
        default=None, repr=False, description="Why this person, where an agreement asks for it. A keyed digest is kept."
    )
    emergency: UUID | None = Field(default=None, description="A declared emergency that this check belongs to")
    exercise: bool = Field(default=False, description="Search entries made for exercises, and only those")
    at_least_sequence: int | None = Field(
        default=None,
        ge=0,
        le=2**53 - 1,
        description="Answer from a gallery that is at least here, or with 503: such as the `sequence` of a write, or "
        "the `gallery_sequence` of an answer, of this node",
    )
    checkpoint: Identifier = Field(examples=["XA-GATE-07"])
    captured_at: Moment = Field(examples=["2026-11-22T09:30:00Z"])
    face: FaceImage | None = None
    fingerprints: Annotated[tuple[FingerprintTemplate, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _has_a_sample(self) -> Self:
        if self.face is None and not self.fingerprints:
            raise PydanticCustomError("no_samples", "A check needs a face image or a fingerprint template")
        return self


class ReasonMessage(BaseModel):
    code: ReasonCode
    severity: Severity
    hint: str = Field(examples=["Ask the person to look at the camera and capture again."])


class SampleMessage(BaseModel):
    """What became of one sample of the request."""

    modality: Modality
    position: Position | None = None
    accepted: bool
    reasons: list[ReasonMessage] = []


class AlertMessage(BaseModel):
    category: str = Field(examples=["wanted"])
    action: str = Field(examples=["inform-officer"])


class _PersonMessage(Message):
    family_name: Text | None = Field(default=None, repr=False)
    given_names: Text | None = Field(default=None, repr=False)
    birth_date: date | None = Field(default=None, repr=False)
    nationality: Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")] | None = Field(default=None, repr=False)


Documents = Annotated[tuple[Text, ...], Field(max_length=20)]


class SubjectMessage(_PersonMessage):
    """Biographic fields of an entry."""

    documents: Documents = Field(default=(), repr=False)


class SeenSubjectMessage(_PersonMessage):
    """Biographic fields of an entry, as far as the agreement shows them; null elsewhere, or where nothing is known."""

    documents: Documents | None = Field(default=None, repr=False)


class ClauseMessage(BaseModel):
    agreement: str = Field(examples=["xa-xb"])
    version: int = Field(examples=[1])
    clause: str = Field(examples=["border-check-score"])
    cites: str | None = Field(default=None, examples=["Art. 4(1)"], description="The article that the rule stands for")


class SeenLinkMessage(BaseModel):
    """A link to another entry that the asker may see as well."""

    kind: LinkKind
    reference: str = Field(examples=["xb-alerts/E-2026-0017"])


class QuotaMessage(BaseModel):
    """What is left of the searches of a day that an agreement allows the asking partner."""

    agreement: str = Field(examples=["xa-xb"])
    limit: int = Field(examples=[1000])
    left: int = Field(examples=[412])
    resets_at: AwareDatetime


class CandidateMessage(BaseModel):
    """One entry whose score passed, with exactly the fields that its owner's agreement allows this asker."""

    candidate_id: UUID = Field(description="Opaque, of this check alone")
    owner: str = Field(examples=["xb"])
    level: str = Field(examples=["score"])
    score: float | None = Field(examples=[5.1], description="-log10 of the false match rate, cut to tenths")
    band: Band | None
    reference: str | None
    alert: AlertMessage | None
    subject: SeenSubjectMessage | None
    links: list[SeenLinkMessage] | None = None
    misused_identity: SeenSubjectMessage | None = Field(
        default=None, description="Of the person whose identity the subject uses: this may be the one who stands here"
    )
    handling: list[str] = Field(examples=[["tlp-amber"]], description="Codes that travel with every field")
    duties: list[str] = Field(examples=[["confirm-within(12 h)"]], description="What the agreement asks of you")
    decided_by: list[ClauseMessage]


class ReceiptMessage(BaseModel):
    """The signed promise that what was asked and answered is in the audit log, to be proved later (docs/audit.md)."""

    log: str = Field(description="Id of the key that signed: SHA-256 of its canonical description, in hexadecimal")
    leaf: str = Field(description="Hash of the entry in the tree, in hexadecimal")
    at: str = Field(description="When it was written down", examples=["2026-11-22T09:30:00.123456Z"])
    signature: str = Field(description="Ed25519, in hexadecimal")


class MatchAnswer(BaseModel):
    check_id: UUID
    outcome: str = Field(examples=["no-candidates", "flagged", "incomplete"])
    complete: bool = Field(description="False: not everything that may be searched was searched")
    gallery_sequence: int = Field(examples=[1234])
    exercise: bool = Field(default=False, description="Nothing of this answer is real")
    flag_id: UUID | None
    samples: list[SampleMessage]
    candidates: list[CandidateMessage]
    quotas: list[QuotaMessage] = Field(
        default=[], description="Agreements that limit searches. Where nothing is left, the answer is not complete."
    )
    receipt: ReceiptMessage


class VerifySample(Message):
    face: FaceImage | None = None
    fingerprint: FingerprintTemplate | None = None

    @model_validator(mode="after")
    def _is_one_sample(self) -> Self:
        if (self.face is None) == (self.fingerprint is None):
            raise PydanticCustomError("no_samples", "Exactly one of face and fingerprint is needed")
        return self

    @property
    def modality(self) -> Modality:
        return Modality.FACE if self.face is not None else Modality.FINGERPRINT


class VerifyRequest(Message):
    """Two samples of one modality, to be compared with each other."""

    check_id: UUID
    checkpoint: Identifier = Field(examples=["XA-GATE-07"])
    captured_at: Moment = Field(examples=["2026-11-22T09:30:00Z"])
    reference: VerifySample = Field(description="For example the portrait of a passport chip")
    probe: VerifySample = Field(description="For example the live face at the gate")

    @model_validator(mode="after")
    def _same_modality(self) -> Self:
        if self.reference.modality is not self.probe.modality:
            raise PydanticCustomError("modalities_differ", "reference and probe should be of the same modality")
        return self


class VerifyAnswer(BaseModel):
    check_id: UUID
    same_person: bool = Field(description="The score reaches the verification threshold; people decide")
    score: float = Field(examples=[6.2], description="-log10 of the false match rate, cut to tenths")
    band: Band
    threshold: float = Field(examples=[3.0])
    reference: SampleMessage
    probe: SampleMessage
    receipt: ReceiptMessage
