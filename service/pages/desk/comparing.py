"""A comparison of fingers as the page of a flag shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.samples import Position, ReasonCode
from service.pages.desk.drawing import Drawing, laid_over, side_by_side
from service.review.comparison import Absent, Comparison, Faces, FingerPair, Impression
from watchlists.agreements import Clause


@dataclass(frozen=True, slots=True)
class DrawnFinger:
    """Two impressions, drawn.

    Args:
        score, one_in: of these two alone; None where they were not compared.
        beside, over: the drawings; `over` only where the impressions lie over each other.
        probe_absent, entry_absent: why a side is not drawn; None if it is.
        notes: what the quality check says of either.
    """

    position: Position
    score: float | None
    one_in: int | None
    beside: Drawing
    over: Drawing | None
    probe_absent: Absent | None
    entry_absent: Absent | None
    notes: tuple[ReasonCode, ...]


def drawn(finger: FingerPair) -> DrawnFinger:
    """Draw a comparison of two impressions, or the one of them that is shown."""
    sides = [side for side in (finger.probe, finger.entry) if isinstance(side, Impression)]
    notes = dict.fromkeys(code for side in sides for code in side.notes)
    return DrawnFinger(
        position=finger.position,
        score=finger.score,
        one_in=None if finger.score is None else one_in(finger.score),
        beside=side_by_side(finger),
        over=laid_over(finger),
        probe_absent=finger.probe if isinstance(finger.probe, Absent) else None,
        entry_absent=finger.entry if isinstance(finger.entry, Absent) else None,
        notes=tuple(notes),
    )


def one_in(score: float) -> int:
    """Return how many comparisons of different people give one false match, to two digits: the score is -log10(FMR).

    More digits would pretend to a precision that a calibration has not.
    """
    many = max(1, math.floor(math.pow(10.0, score)))
    unit = int(math.pow(10, max(0, len(str(many)) - 2)))
    return many // unit * unit


@dataclass(frozen=True, slots=True)
class Fingers:
    """Args: pairs: the best comparison first. absent: why there is none at all."""

    pairs: tuple[DrawnFinger, ...]
    absent: Absent | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison as a page shows it. Args: as `Comparison` has them."""

    faces: Faces
    fingers: Fingers
    face_clauses: tuple[Clause, ...]
    finger_clauses: tuple[Clause, ...]


def as_shown(comparison: Comparison) -> Compared:
    """Draw what can be drawn of a comparison."""
    pairs = tuple(drawn(finger) for finger in comparison.fingers.pairs)
    return Compared(
        faces=comparison.faces,
        fingers=Fingers(pairs, comparison.fingers.absent),
        face_clauses=comparison.face_clauses,
        finger_clauses=comparison.finger_clauses,
    )
