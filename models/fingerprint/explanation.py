"""Why two templates are similar: which minutiae the exact comparison takes for the same, and the motion of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.fingerprint.block import Block, by_x, side_of
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.sides import Motion, Workspace, workspace
from models.samples import Position


class MinutiaPair(NamedTuple):
    """Indexes of two minutiae that lie together, into `FingerTemplate.minutiae` of either template."""

    probe: int
    reference: int


@dataclass(frozen=True, slots=True)
class RigidMotion:
    """How the probe lies on the reference: turned about the origin, then shifted.

    Attributes:
        rotation: radians in [-pi, pi], counter-clockwise as seen; it adds to the directions of the minutiae.
        translation: pixels at 500 dpi to the right and downwards.
    """

    rotation: float
    translation: tuple[float, float]

    def apply(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Move positions (n, 2) in pixels at 500 dpi, y downwards, as `Minutiae.xy` has them."""
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        x, y = np.asarray(xy, np.float64).T
        right, down = self.translation
        return np.stack([cosine * x + sine * y + right, cosine * y - sine * x + down], axis=1)

    def inverse(self) -> RigidMotion:
        """Return the motion of the reference onto the probe."""
        x, y = RigidMotion(-self.rotation, (0.0, 0.0)).apply(np.array([self.translation]))[0]
        return RigidMotion(-self.rotation, (-float(x), -float(y)))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the similarity of two templates rests on.

    Attributes:
        similarity: raw, 0..1, exactly what `matcher.compare` gives.
        pairs: the minutiae taken for the same, each in one pair at most, in the order of the probe's minutiae.
        motion: the rigid motion that brings the paired minutiae of the probe closest to those of the reference (least
            squares over positions and directions); None if nothing is paired. The skin stretches, so paired minutiae
            may lie some pixels apart after it.
    """

    similarity: float
    pairs: tuple[MinutiaPair, ...]
    motion: RigidMotion | None


NOTHING_ALIKE = Explanation(0.0, (), None)


def explain(probe: FingerTemplate, reference: FingerTemplate) -> Explanation:
    """Compare two templates and say what their similarity rests on.

    For pages that show a comparison to people: it takes several times as long as the comparison. A low similarity has
    pairs too, those of the best coincidence. Templates of different known positions are not compared and have none.
    """
    if probe.position is not reference.position and Position.UNKNOWN not in (probe.position, reference.position):
        return NOTHING_ALIKE
    work = workspace()
    similarity = _compare(probe, reference, work)
    swapped = len(probe.minutiae) > len(reference.minutiae)
    smaller, larger = (reference, probe) if swapped else (probe, reference)
    if not work.best_moved.any():  # no motion was found
        return Explanation(similarity, (), None)
    pairs, motion = _pairs_and_motion(smaller, larger, work)
    if swapped:
        pairs = [MinutiaPair(pair.reference, pair.probe) for pair in pairs]
        motion = motion.inverse()
    return Explanation(similarity, tuple(sorted(pairs)), motion if pairs else None)


def _compare(probe: FingerTemplate, reference: FingerTemplate, work: Workspace) -> float:
    """Compare as the gallery does, and leave the best motion's result in `work.best_moved`."""
    from models.fingerprint import comparison  # numba is loaded when it is first needed, not on import

    block, similarities = Block.of([reference]), np.zeros(1, np.float32)
    starts, stops = np.zeros(1, np.int64), np.array([block.used], np.int64)
    comparison.compare_many(side_of(probe), block.stored(), starts, stops, work, calibration.COMPARISON, similarities)
    return float(similarities[0])


def _pairs_and_motion(
    smaller: FingerTemplate, larger: FingerTemplate, work: Workspace
) -> tuple[list[MinutiaPair], RigidMotion]:
    """Return the paired minutiae, the smaller template as the probe, and its motion onto the larger one."""
    from models.fingerprint.verification import settle

    sides = side_of(smaller), side_of(larger)
    count, motion = settle(*sides, work, calibration.COMPARISON)
    rows, columns = by_x(smaller)[work.paired_row[:count]], by_x(larger)[work.paired_column[:count]]
    return [MinutiaPair(int(i), int(j)) for i, j in zip(rows, columns, strict=True)], _as_shift(motion)


def _as_shift(motion: Motion) -> RigidMotion:
    """Express a turn about a point, y upwards, as a turn about the origin and a shift, y downwards."""
    turn, from_x, from_y, to_x, to_y = motion
    about_origin = RigidMotion(turn, (0.0, 0.0)).apply(np.array([[from_x, -from_y]]))[0]
    return RigidMotion(turn, (to_x - float(about_origin[0]), -to_y - float(about_origin[1])))
