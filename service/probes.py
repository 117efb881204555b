"""From what a request carries to what can be compared.

Probes live in memory only: images no longer than the call, templates for as long as `probing` counts by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from models.errors import InvalidInput
from models.face import FaceEncoder
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.encoder import encode_fingerprint
from models.samples import Assessment, Modality, Portrait, Position, ReasonCode
from service.api.messages import FaceImage, FingerprintTemplate, ReasonMessage, SampleMessage
from service.errors import UnusableSample
from watchlists.portraits import Portraits
from watchlists.records import FaceTemplate, Templates

MAX_VIEWS = 20  # of all fingerprints of a request together; each is compared with the whole gallery


class TooManyViews(InvalidInput):
    slug = "too-many-views"
    hint = f"Send at most {MAX_VIEWS} views of fingers; one good view of each finger is enough."


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """What became of one sample; `field` says where in the request it stood."""

    field: str
    modality: Modality
    position: Position | None
    assessment: Assessment

    def as_message(self) -> SampleMessage:
        reasons = [ReasonMessage(code=by.code, severity=by.severity, hint=by.hint) for by in self.assessment.reasons]
        accepted = self.assessment.accepted
        return SampleMessage(modality=self.modality, position=self.position, accepted=accepted, reasons=reasons)

    def as_error(self) -> UnusableSample:
        return UnusableSample(self.field, self.assessment.reasons)


@dataclass(frozen=True, slots=True)
class EncodedSamples:
    """Templates of the usable samples, and what became of each sample, in the order of the request.

    Args: portraits: one for each face template, None where none was wanted; empty for a probe.
    """

    templates: Templates
    samples: tuple[JudgedSample, ...]
    portraits: Portraits = field(default=(), repr=False)

    @property
    def refused(self) -> tuple[JudgedSample, ...]:
        return tuple(sample for sample in self.samples if not sample.assessment.accepted)

    @property
    def warnings(self) -> tuple[ReasonCode, ...]:
        """What the samples are warned of, each once."""
        return tuple(dict.fromkeys(reason.code for sample in self.samples for reason in sample.assessment.reasons))

    @property
    def messages(self) -> list[SampleMessage]:
        return [sample.as_message() for sample in self.samples]


class SampleEncoder:
    """Turns face images and fingerprint templates into what the gallery compares. Thread-safe."""

    def __init__(self, faces: FaceEncoder) -> None:
        self.faces = faces

    def encode(
        self,
        unverified_faces: Sequence[FaceImage],
        unverified_fingers: Sequence[FingerprintTemplate],
        *,
        enrolling: bool = False,
        portraits: Sequence[bool] = (),
    ) -> EncodedSamples:
        """Encode every sample; a poor one is left out and its assessment says why.

        Args:
            unverified_faces: images of faces.
            unverified_fingers: minutiae records.
            enrolling: fingerprints are judged more strictly, see `encode_fingerprint`.
            portraits: of which faces a portrait is wanted; of none, if it is empty.

        Raises:
            InvalidInput: a sample is not what it claims to be (damaged file, other format, contradicting position);
                its `field` names the sample.
        """
        wanted = portraits or [False] * len(unverified_faces)
        faces = [
            self._face(f"faces[{number}]", image, portrait)
            for number, (image, portrait) in enumerate(zip(unverified_faces, wanted, strict=True))
        ]
        fingers = [
            self._finger(f"fingerprints[{number}]", item, enrolling) for number, item in enumerate(unverified_fingers)
        ]
        templates = Templates(
            faces=tuple(face for face, _, _ in faces if face is not None),
            fingers=tuple(finger for several, _ in fingers for finger in several),
        )
        if len(templates.fingers) > MAX_VIEWS:
            raise TooManyViews(f"the fingerprints of the request have {len(templates.fingers)} views")
        samples = (*(sample for _, sample, _ in faces), *(sample for _, sample in fingers))
        kept = tuple(portrait for face, _, portrait in faces if face is not None)
        return EncodedSamples(templates, samples, kept if any(kept) else ())

    def _face(
        self, field: str, unverified_face: FaceImage, portrait: bool
    ) -> tuple[FaceTemplate | None, JudgedSample, Portrait | None]:
        with _naming(field):
            face = self.faces.encode(unverified_face.image, portrait=portrait)
        template = None if face.vector is None else FaceTemplate(self.faces.model, face.vector)
        return template, JudgedSample(field, Modality.FACE, None, face.assessment), face.portrait

    def _finger(
        self, field: str, unverified_finger: FingerprintTemplate, enrolling: bool
    ) -> tuple[Sequence[FingerTemplate], JudgedSample]:
        position = unverified_finger.position
        with _naming(field):
            finger = encode_fingerprint(
                unverified_finger.template, position, enrolling=enrolling, assume_ppi=unverified_finger.assume_ppi
            )
        sample = JudgedSample(field, Modality.FINGERPRINT, position, finger.assessment)
        return finger.templates, sample


@contextmanager
def _naming(field: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        error.field = field
        raise
