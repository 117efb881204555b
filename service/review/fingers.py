"""Fingers side by side: which impressions belong together, what their likeness rests on, and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from models import calibration
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.explanation import explain
from models.fingerprint.minutiae import Kind
from models.fingerprint.quality import assess_finger, measure
from models.samples import Position
from service.review.comparison import Absent, FingerPair, Fingers, Impression, Minutia, Missing
from watchlists.agreements import tenths

MARGIN: Final = 16.0
"""Pixels at 500 dpi around the outermost minutiae: not quite a millimetre."""
MOST_COMPARED: Final = 60
"""Pairs of impressions that are compared for one page: three of each of ten fingers on one side, two on the other."""

Side = Sequence[FingerTemplate] | Absent
_KINDS: Final = {Kind.ENDING: "ending", Kind.BIFURCATION: "bifurcation"}


def compare_fingers(probe: Side, entry: Side) -> Fingers:
    """Compare the impressions of two sides as far as they are shown, the most alike first.

    Impressions of one finger belong together; those of which a side does not know the finger, with all of the other.
    What has nothing to be compared with is shown by itself, and why the other side is missing.
    """
    if isinstance(entry, Absent):
        alone = () if isinstance(probe, Absent) else probe
        return Fingers(tuple(FingerPair(impression(finger), entry) for finger in alone), None if alone else entry)
    if isinstance(probe, Absent):
        return Fingers(tuple(FingerPair(probe, impression(finger)) for finger in entry), None if entry else NO_SAMPLE)
    pairs = [(one, other) for one in probe for other in entry if _belong_together(one, other)][:MOST_COMPARED]
    compared = sorted((_pair(*pair) for pair in pairs), key=lambda pair: pair.score or 0.0, reverse=True)
    met = {id(finger) for pair in pairs for finger in pair}
    unmet_probe = (FingerPair(impression(finger), NO_SAMPLE) for finger in _others(probe, met))
    unmet_entry = (FingerPair(NOT_SENT, impression(finger)) for finger in _others(entry, met))
    found = (*compared, *unmet_probe, *unmet_entry)
    return Fingers(found, None if found else NOT_SENT)


NO_SAMPLE: Final = Absent(Missing.NO_SAMPLE)
NOT_SENT: Final = Absent(Missing.NOT_SENT)


def impression(finger: FingerTemplate) -> Impression:
    """Return an impression as it is drawn."""
    minutiae = finger.minutiae
    width, height = (minutiae.xy.max(axis=0) + MARGIN).tolist() if len(minutiae) else (MARGIN, MARGIN)
    drawn = (
        Minutia(float(x), float(y), math.degrees(angle) % 360, _KINDS.get(Kind(kind), "other"), int(quality))
        for (x, y), angle, kind, quality in zip(
            minutiae.xy, minutiae.angle.tolist(), minutiae.kind.tolist(), minutiae.quality, strict=True
        )
    )
    notes = tuple(reason.code for reason in assess_finger(measure(minutiae)))
    return Impression(finger.position, float(width), float(height), tuple(drawn), notes)


def _pair(probe: FingerTemplate, entry: FingerTemplate) -> FingerPair:
    found = explain(probe, entry)
    score = tenths(calibration.FINGER.score(found.similarity)) / 10
    return FingerPair(impression(probe), impression(entry), found.pairs, found.motion, score)


def _belong_together(one: FingerTemplate, other: FingerTemplate) -> bool:
    return one.position is other.position or Position.UNKNOWN in (one.position, other.position)


def _others(fingers: Sequence[FingerTemplate], met: Iterable[int]) -> list[FingerTemplate]:
    return [finger for finger in fingers if id(finger) not in met]
