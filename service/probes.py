"""From what a request carries to what can be compared.

Images and templates of a probe live in memory only, and no longer than the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.face import FaceEncoder
from models.fingerprint.encoder import encode_fingerprint
from models.samples import Assessment, Modality, Position
from service.api.messages import FaceImage, FingerprintTemplate, ReasonMessage, SampleMessage
from watchlists.records import FaceTemplate, Templates


@dataclass(frozen=True, slots=True)
class EncodedSamples:
    """Templates of the usable samples, and what became of each sample, in the order of the request."""

    templates: Templates
    assessments: tuple[tuple[Modality, Position | None, Assessment], ...]

    @property
    def refused(self) -> tuple[Assessment, ...]:
        return tuple(assessment for _, _, assessment in self.assessments if not assessment.accepted)

    @property
    def messages(self) -> list[SampleMessage]:
        return [sample_message(*sample) for sample in self.assessments]


class SampleEncoder:
    """Turns face images and fingerprint templates into what the gallery compares. Thread-safe."""

    def __init__(self, faces: FaceEncoder) -> None:
        self.faces = faces

    def encode(
        self, faces: Sequence[FaceImage], unverified_fingerprints: Sequence[FingerprintTemplate]
    ) -> EncodedSamples:
        """Encode every sample; a poor one is left out and its assessment says why.

        Raises:
            InvalidInput: a sample is not what it claims to be (damaged file, other format, contradicting position).
        """
        encoded_faces = [self.faces.encode(face.image) for face in faces]
        encoded_fingers = [encode_fingerprint(item.template, item.position) for item in unverified_fingerprints]
        vectors = (face.vector for face in encoded_faces)
        templates = Templates(
            faces=tuple(FaceTemplate(self.faces.model, vector) for vector in vectors if vector is not None),
            fingers=tuple(template for finger in encoded_fingers for template in finger.templates),
        )
        assessments = [(Modality.FACE, None, face.assessment) for face in encoded_faces]
        pairs = zip(unverified_fingerprints, encoded_fingers, strict=True)
        fingers = [(Modality.FINGERPRINT, item.position, finger.assessment) for item, finger in pairs]
        return EncodedSamples(templates, (*assessments, *fingers))


def sample_message(modality: Modality, position: Position | None, assessment: Assessment) -> SampleMessage:
    reasons = [
        ReasonMessage(code=reason.code, severity=reason.severity, hint=reason.hint) for reason in assessment.reasons
    ]
    return SampleMessage(modality=modality, position=position, accepted=assessment.accepted, reasons=reasons)
