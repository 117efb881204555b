"""Two impressions of a finger as one drawing: minutiae side by side, those taken for the same joined by a line.

Both sides have the same scale, so sizes can be compared; a second drawing lays the probe over the entry. Lengths are
pixels at 500 dpi. A pair is one group with its two minutiae and its line: to point at any part is to point at the pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.fingerprint.explanation import MinutiaPair, RigidMotion
from service.review.comparison import Absent, FingerPair, Impression, Minutia

GAP: Final = 60.0
"""Between the two sides."""
MARGIN: Final = 20.0
HEAD: Final = 26.0
"""Above the sides, where it is said which is which."""
TAIL: Final = 15.0
"""Length of the line that shows a direction."""
LEAST: Final = 120.0
"""Of either side, so that a few minutiae are not drawn huge."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A minutia as it is drawn: its place, and the end of its direction."""

    x: float
    y: float
    end_x: float
    end_y: float
    kind: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two minutiae that are taken for the same. Args: number: from 1, as lists and drawings call it."""

    number: int
    probe: Mark
    entry: Mark


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn. Args: left, top, width, height: the part of the plane that holds everything.

    Args:
        middle: where the entry's side begins; None if both lie over each other.
        probe, entry: the marks without a partner.
        probe_shown, entry_shown: whether there is anything to show of a side.
    """

    left: float
    top: float
    width: float
    height: float
    middle: float | None
    pairs: tuple[Pair, ...]
    probe: tuple[Mark, ...]
    entry: tuple[Mark, ...]
    probe_shown: bool = True
    entry_shown: bool = True


def side_by_side(finger: FingerPair) -> Drawing:
    """Draw both impressions beside each other, or the one that is shown, each without the empty space around it."""
    probe, room = _side(finger.probe, 0.0)
    middle = room + GAP if probe else 0.0
    entry, entry_room = _side(finger.entry, middle)
    both = [*probe, *entry]
    return Drawing(
        left=0.0,
        top=-HEAD,
        width=middle + entry_room if entry else room,
        height=HEAD + max([mark.y for mark in both] + [LEAST]) + MARGIN,
        middle=middle if probe and entry else None,
        pairs=_pairs(finger.pairs, probe, entry),
        probe=_alone(probe, {pair.probe for pair in finger.pairs}),
        entry=_alone(entry, {pair.reference for pair in finger.pairs}),
        probe_shown=bool(probe),
        entry_shown=bool(entry),
    )


def _side(shown: Impression | Absent, begin: float) -> tuple[list[Mark], float]:
    """Return the marks of one side, from `begin` to the right, and how wide it is; nothing of what is not shown."""
    if not isinstance(shown, Impression) or not shown.minutiae:
        return [], 0.0
    xs, ys = [each.x for each in shown.minutiae], [each.y for each in shown.minutiae]
    marks = [_mark(each, begin + MARGIN - min(xs), MARGIN - min(ys)) for each in shown.minutiae]
    return marks, max(max(xs) - min(xs), LEAST) + 2 * MARGIN


def laid_over(finger: FingerPair) -> Drawing | None:
    """Draw the probe where it lies on the entry; None if a side is not shown, or nothing is paired."""
    if not (isinstance(finger.probe, Impression) and isinstance(finger.entry, Impression)) or finger.motion is None:
        return None
    probe = [_mark(minutia) for minutia in moved(finger.probe.minutiae, finger.motion)]
    entry = [_mark(minutia) for minutia in finger.entry.minutiae]
    left, top, right, bottom = _bounds([*probe, *entry])
    return Drawing(
        left=left - MARGIN,
        top=top - MARGIN,
        width=max(right - left, LEAST) + 2 * MARGIN,
        height=max(bottom - top, LEAST) + 2 * MARGIN,
        middle=None,
        pairs=_pairs(finger.pairs, probe, entry),
        probe=_alone(probe, {pair.probe for pair in finger.pairs}),
        entry=_alone(entry, {pair.reference for pair in finger.pairs}),
    )


def moved(minutiae: Sequence[Minutia], motion: RigidMotion) -> list[Minutia]:
    """Return minutiae as they lie after a motion."""
    places = motion.apply(np.array([[each.x, each.y] for each in minutiae]))
    turned = math.degrees(motion.rotation)
    return [
        Minutia(float(x), float(y), (each.angle + turned) % 360, each.kind, each.quality)
        for each, (x, y) in zip(minutiae, places, strict=True)
    ]


def _mark(minutia: Minutia, right: float = 0.0, down: float = 0.0) -> Mark:
    angle = math.radians(minutia.angle)
    x, y = minutia.x + right, minutia.y + down
    return Mark(x, y, x + TAIL * math.cos(angle), y - TAIL * math.sin(angle), minutia.kind)


def _pairs(pairs: Iterable[MinutiaPair], probe: Sequence[Mark], entry: Sequence[Mark]) -> tuple[Pair, ...]:
    if not (probe and entry):
        return ()
    from_top = sorted(pairs, key=lambda pair: (probe[pair.probe].y, probe[pair.probe].x))
    return tuple(Pair(number, probe[pair.probe], entry[pair.reference]) for number, pair in enumerate(from_top, 1))


def _alone(marks: Sequence[Mark], paired: set[int]) -> tuple[Mark, ...]:
    return tuple(mark for index, mark in enumerate(marks) if index not in paired)


def _bounds(marks: Sequence[Mark]) -> tuple[float, float, float, float]:
    xs, ys = [mark.x for mark in marks], [mark.y for mark in marks]
    return min(xs), min(ys), max(xs), max(ys)
