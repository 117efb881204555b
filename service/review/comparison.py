"""What a comparison is: the samples of a probe beside those of a candidate, and why something of it is not shown.

Made by `service.review.comparing.Comparisons` for one reviewer at the moment of looking: `look(reviewer, candidate_id)`
returns a `Comparison`, and `picture(reviewer, candidate_id, side, number, cut)` one of its pictures, or raises
`PictureNotShown`. Nothing in here is ever logged or stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from models.fingerprint.explanation import MinutiaPair, RigidMotion
from models.samples import Position, ReasonCode
from watchlists.agreements import Clause


class Side(StrEnum):
    """Whose sample it is."""

    PROBE = "probe"
    ENTRY = "entry"


class Cut(StrEnum):
    """How much of a picture: as much as there is, or the face alone, aligned as it is for the comparison."""

    WHOLE = "whole"
    FACE = "face"


class Missing(StrEnum):
    """Why something is not shown."""

    VOID = "void"
    """The candidate is void with its agreement: nothing of it is shown any more."""
    NOT_ALLOWED = "not-allowed"
    """No clause permits this reviewer to compare it."""
    FORBIDDEN = "forbidden"
    """A clause forbids it; `Absent.clauses` names it."""
    NOT_KEPT = "not-kept"
    """No rule lets this side keep the probe, or its time is over, or it was gone from memory before it was kept."""
    NOT_SENT = "not-sent"
    """The check came without such a sample."""
    WITHDRAWN = "withdrawn"
    """The entry is gone, or has expired."""
    NO_SAMPLE = "no-sample"
    """The entry has no such sample."""
    NO_PORTRAIT = "no-portrait"
    """The owner has left the portrait out, or has enrolled a ready embedding."""
    AT_HOME = "at-home"
    """The entry is a copy, and portraits stay at the node of their owner."""
    NO_FACE = "no-face"
    """No face can be found in the picture."""
    DAMAGED = "damaged"
    """It is stored, and does not open; people must look into it."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Something that is not shown. Args: clauses: those that forbid it."""

    why: Missing
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class FacePicture:
    """One face of a side, which `Comparisons.picture` gives whole and cut to the face.

    Args:
        number: among the faces of its side, from 0.
        notes: what the quality check warned of when the sample was taken.
    """

    number: int
    notes: tuple[ReasonCode, ...] = ()


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of both sides. What is missing of a side is said once, in place of its pictures."""

    probe: tuple[FacePicture, ...] | Absent
    entry: tuple[FacePicture, ...] | Absent


@dataclass(frozen=True, slots=True)
class Minutia:
    """One minutia, at 500 dpi.

    Args:
        x, y: pixels from the left and from the top.
        angle: degrees in [0, 360), counter-clockwise from the x axis as seen.
        kind: "ending", "bifurcation" or "other".
        quality: 1 to 100; 0 where the extractor does not say.
    """

    x: float
    y: float
    angle: float
    kind: str
    quality: int


@dataclass(frozen=True, slots=True)
class Impression:
    """One impression of a finger.

    Args:
        position: the finger.
        width, height: of the smallest picture from (0, 0) that holds all minutiae with a margin, in pixels.
        minutiae: in the order that pairs count in.
        notes: what the quality check says of it.
    """

    position: Position
    width: float
    height: float
    minutiae: tuple[Minutia, ...] = field(repr=False)
    notes: tuple[ReasonCode, ...] = ()


@dataclass(frozen=True, slots=True)
class FingerPair:
    """Two impressions that were compared, or as much of them as is shown.

    Args:
        probe, entry: the impressions.
        pairs: indexes of the minutiae that are taken for the same, into the minutiae of both.
        motion: how the probe lies on the entry; None where nothing is paired.
        score: of these two impressions alone, -log10(FMR), cut to tenths; None where they cannot be compared.
    """

    probe: Impression | Absent
    entry: Impression | Absent
    pairs: tuple[MinutiaPair, ...] = ()
    motion: RigidMotion | None = None
    score: float | None = None

    @property
    def position(self) -> Position:
        """The finger, as far as a side knows it."""
        known = [side.position for side in (self.entry, self.probe) if isinstance(side, Impression)]
        return next((position for position in known if position is not Position.UNKNOWN), Position.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Fingers:
    """The fingers of both sides, best comparison first. Where a side is missing whole, that is said in each pair.

    Args: absent: why there is no pair at all; None if there is one.
    """

    pairs: tuple[FingerPair, ...] = ()
    absent: Absent | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that one reviewer may look at of one candidate.

    Args:
        candidate_id: of the flag's candidate.
        faces, fingers: the samples.
        face_clauses, finger_clauses: the clauses by which the entry's side is shown; of an entry that was written again
            since the check, it is shown as it is now.
    """

    candidate_id: UUID
    faces: Faces
    fingers: Fingers
    face_clauses: tuple[Clause, ...] = ()
    finger_clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, ready for a browser; it lives in memory only, and is answered with `Cache-Control: no-store`."""

    content: bytes = field(repr=False)
    media_type: str
