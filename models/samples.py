"""The words shared by both modalities: modality, finger position, and the verdict on one sample's quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Modality(StrEnum):
    FACE = "face"
    FINGERPRINT = "fingerprint"


class Position(StrEnum):
    """Finger positions by their API names; `code` is the ISO/IEC 19794-2:2005 table 2 code."""

    UNKNOWN = "unknown"
    RIGHT_THUMB = "right-thumb"
    RIGHT_INDEX = "right-index-finger"
    RIGHT_MIDDLE = "right-middle-finger"
    RIGHT_RING = "right-ring-finger"
    RIGHT_LITTLE = "right-little-finger"
    LEFT_THUMB = "left-thumb"
    LEFT_INDEX = "left-index-finger"
    LEFT_MIDDLE = "left-middle-finger"
    LEFT_RING = "left-ring-finger"
    LEFT_LITTLE = "left-little-finger"

    @property
    def code(self) -> int:
        """ISO/IEC 19794-2:2005 finger position code, 0 (unknown) to 10 (left little finger)."""
        return list(Position).index(self)

    @classmethod
    def from_code(cls, code: int) -> Position:
        """Return the position of an ISO code from 0 to 10.

        Raises:
            ValueError: the code is outside 0..10.
        """
        if not 0 <= code <= 10:
            raise ValueError(f"finger position code {code} is not between 0 and 10")
        return list(cls)[code]


class ReasonCode(StrEnum):
    """Why a sample cannot be used, or is used with a warning. A closed list: terminals translate these."""

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    FACE_TOO_SMALL = "face-too-small"
    TOO_DARK = "too-dark"
    TOO_BRIGHT = "too-bright"
    TURNED_AWAY = "turned-away"
    LOW_CONFIDENCE = "low-confidence"
    TOO_FEW_MINUTIAE = "too-few-minutiae"
    TOO_SMALL_AREA = "too-small-area"
    IMPLAUSIBLE_DENSITY = "implausible-density"
    DUPLICATE_MINUTIAE = "duplicate-minutiae"
    DOUBTFUL_RESOLUTION = "doubtful-resolution"


class Severity(Enum):
    REFUSED = "refused"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Reason:
    """One remark on a sample: a stable code, and a hint an officer at a checkpoint can act on."""

    code: ReasonCode
    hint: str
    severity: Severity = Severity.REFUSED


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether a sample may be compared, and why not."""

    reasons: tuple[Reason, ...] = ()

    @property
    def accepted(self) -> bool:
        return all(reason.severity is not Severity.REFUSED for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a person needs of a face sample to compare it; no network reads it again.

    Args:
        jpeg: the face with a margin around it, upright, as a JPEG file without metadata.
        landmarks: five (x, y) in pixels of that picture: the subject's right eye, left eye, nose tip, right and left
            mouth corner.
        notes: what the quality check warned of.
    """

    jpeg: bytes = field(repr=False)
    landmarks: tuple[tuple[float, float], ...] = field(repr=False)
    notes: tuple[ReasonCode, ...] = ()
