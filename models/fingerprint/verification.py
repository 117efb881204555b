"""Kernels of the last step of the exact comparison: what a rigid motion of one template onto the other explains.

Our own: the motion that related pairs agree on is applied to all minutiae, minutiae that come to lie together are
paired, and the likelihood of the outcome if both are of one finger is compared with that of a coincidence. How likely a
coincidence is follows from the two templates at hand (how dense their minutiae are where they overlap, how many point
the same way), so that crowded or one-sided templates do not look alike for that reason alone. y grows upwards in here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.calibration import ComparisonParameters
from models.fingerprint.compiler import kernel
from models.fingerprint.motion import fit_paired, fit_pairs, move, stretch
from models.fingerprint.sides import DIRECTIONS, WHOLE, Floats, Motion, Side, Workspace

_TURN: Any = np.float32(2 * math.pi)
_MISFIT_LIMIT: Any = np.float32(2)
_MISFIT_STEPS = np.float32(1 << 20)
_NO_PARTNER = np.int32(2 << 28)
"""Misfits of partners are less than 2, and become whole numbers with an index behind them."""
_NEIGHBOURING = 2
"""Directions count as the same over so many bins to either side: 5 bins of 11.25 degrees, together 56 degrees."""


@kernel
def verify(
    probe: Side, reference: Side, seeds: int, edges: int, work: Workspace, parameters: ComparisonParameters
) -> float:
    """Log likelihood ratio of the best of a few motions, refined once.

    Each motion starts from a pair of `work.order`, of which there are `seeds`. A pair that an earlier motion brings
    together would lead to much the same motion and is passed over, so that the few are different ones.
    """
    moved, best = work.moved[:, : len(probe.x)], work.best_moved[:, : len(probe.x)]
    best_evidence, most_paired = -np.inf, 0
    tried = 0
    for k in range(seeds):
        if tried >= parameters.motions:
            break
        if _explained(work.order[k], tried, work, parameters):
            continue
        motion = fit_pairs(work.order[k], edges, work, parameters)
        for field in range(5):
            work.motions[field, tried] = motion[field]
        tried += 1
        move(probe, motion, moved)
        paired = _pair(moved, reference, work, parameters)
        if paired < most_paired - parameters.hopeless_gap:
            continue
        most_paired = max(most_paired, paired)
        evidence = _evidence(moved, reference, paired, motion[0], work, parameters)
        if evidence > best_evidence:
            best_evidence = evidence
            best[:] = moved
    if best_evidence < parameters.refinement_floor:
        return best_evidence
    paired = _pair(best, reference, work, parameters)
    if paired < parameters.fewest_to_refine:
        return best_evidence
    motion = fit_paired(probe, reference, paired, work, parameters)
    move(probe, motion, moved)
    paired = _pair(moved, reference, work, parameters)
    if paired >= parameters.fewest_to_refine:
        stretch(moved, reference, paired, work, parameters)
        paired = _pair(moved, reference, work, parameters)
    return max(best_evidence, _evidence(moved, reference, paired, motion[0], work, parameters))


@kernel
def _explained(seed: int, tried: int, work: Workspace, parameters: ComparisonParameters) -> bool:
    """Whether one of the motions tried so far brings the two minutiae of a candidate pair together."""
    spot, motions = work.spot, work.motions
    for k in range(tried):
        cosine, sine = math.cos(motions[0, k]), math.sin(motions[0, k])
        dx, dy = spot[0, seed] - motions[1, k], spot[1, seed] - motions[2, k]
        away_x = cosine * dx - sine * dy + motions[3, k] - spot[2, seed]
        away_y = sine * dx + cosine * dy + motions[4, k] - spot[3, seed]
        near = away_x * away_x + away_y * away_y < parameters.same_motion_distance**2
        if near and spot[5, seed] * cosine + spot[6, seed] * sine > parameters.angle_limit_cosine:
            return True
    return False


@kernel
def settle(probe: Side, reference: Side, work: Workspace, parameters: ComparisonParameters) -> tuple[int, Motion]:
    """Pair the minutiae as they lie after what `verify` found, for an explanation.

    `work` must be as the comparison of the two left it. Returns the number of pairs, which are in `work.paired_row` and
    `work.paired_column`, and the rigid motion that fits them best.
    """
    moved, best = work.moved[:, : len(probe.x)], work.best_moved[:, : len(probe.x)]
    turn = math.atan2(math.sin(best[2, 0] - probe.angle[0]), math.cos(best[2, 0] - probe.angle[0]))
    paired = _pair(best, reference, work, parameters)
    motion = (turn, 0.0, 0.0, 0.0, 0.0)
    evidence = _evidence(best, reference, paired, turn, work, parameters)
    if evidence >= parameters.refinement_floor and paired >= parameters.fewest_to_refine:
        motion = fit_paired(probe, reference, paired, work, parameters)
        move(probe, motion, moved)
        paired = _pair(moved, reference, work, parameters)
        if paired >= parameters.fewest_to_refine:
            stretch(moved, reference, paired, work, parameters)
            paired = _pair(moved, reference, work, parameters)
        if _evidence(moved, reference, paired, motion[0], work, parameters) < evidence:
            paired = _pair(best, reference, work, parameters)
    if paired > 0:
        motion = fit_paired(probe, reference, paired, work, parameters)
    return paired, motion


@kernel
def _pair(moved: Floats, reference: Side, work: Workspace, parameters: ComparisonParameters) -> int:
    """Pair each moved minutia with the free minutia of the reference that fits it best, if any; return the number.

    All are looked at, without branches: for a hundred minutiae this is faster than to look up which lie near.
    """
    upto = -(-len(reference.x) // WHOLE) * WHOLE
    occupied = work.occupied
    occupied[: len(reference.x)] = 0
    occupied[len(reference.x) : upto] = _MISFIT_LIMIT
    count = 0
    for i in range(moved.shape[1]):
        best = _best_partner(moved[0, i], moved[1, i], moved[2, i], reference, upto, occupied, parameters)
        if best < _NO_PARTNER:
            occupied[best & 255] = _MISFIT_LIMIT
            work.paired_row[count], work.paired_column[count] = i, best & 255
            count += 1
    return count


@kernel
def _best_partner(
    x: float, y: float, angle: float, reference: Side, upto: int, occupied: Floats, parameters: ComparisonParameters
) -> int:
    """The smallest misfit to a free minutia of the reference, with its index in the low byte; else `_NO_PARTNER`."""
    reach, tolerance = parameters.pairing_distance, np.float32(parameters.pairing_angle)
    near, same = np.float32(1 / (reach * reach)), np.float32(1 / (tolerance * tolerance))
    best: Any = np.int32(_NO_PARTNER)
    for j in range(upto):
        dx, dy = reference.x[j] - x, reference.y[j] - y
        away: Any = (dx * dx + dy * dy) * near
        turn: Any = abs(angle - reference.angle[j])
        turn = min(turn, _TURN - turn)
        steps = np.int32((away + turn * turn * same + occupied[j]) * _MISFIT_STEPS)
        ranked = np.int32(np.int32(steps << 8) | np.int32(j))
        fits = (away < np.float32(1)) & (turn < tolerance)
        best = min(best, ranked if fits else np.int32(_NO_PARTNER))
    found: int = best
    return found


@kernel
def _overlap(moved: Floats, reference: Side, margin: float) -> tuple[float, float, float, float]:
    """The box (left, right, low, high) that the bounding boxes of both have in common, widened by the margin."""
    left, right = moved[0, 0], moved[0, 0]
    low, high = moved[1, 0], moved[1, 0]
    for i in range(moved.shape[1]):
        left, right = min(left, moved[0, i]), max(right, moved[0, i])
        low, high = min(low, moved[1, i]), max(high, moved[1, i])
    left, right = max(left, reference.x[0]), min(right, reference.x[-1])
    low, high = max(low, reference.low), min(high, reference.high)
    return left - margin, right + margin, low - margin, high + margin


@kernel
def _directions(
    x: Floats, y: Floats, angle: Floats, box: tuple[float, float, float, float], bins: Floats, like: Floats
) -> int:
    """Count the minutiae inside the box; write for each direction how many of them point about the same way."""
    left, right, low, high = np.float32(box[0]), np.float32(box[1]), np.float32(box[2]), np.float32(box[3])
    bins[:] = 0
    count = 0
    for i in range(len(x)):
        inside = (x[i] >= left) & (x[i] <= right) & (y[i] >= low) & (y[i] <= high)
        count += int(inside)
        bins[_direction(angle[i])] += np.float32(inside)
    around = 2 * _NEIGHBOURING
    bins[DIRECTIONS : DIRECTIONS + around] = bins[:around]
    for k in range(DIRECTIONS):
        like[k] = bins[k]
    for away in range(1, around + 1):
        for k in range(DIRECTIONS):
            like[k] += bins[k + away]
    return count


@kernel
def _direction(angle: float) -> int:
    return int(angle * np.float32(DIRECTIONS / (2 * math.pi))) & (DIRECTIONS - 1)


@kernel
def _like(like: Floats, angle: float) -> float:
    """How many minutiae point about the same way; half a one at least."""
    found: Any = like[(_direction(angle) - _NEIGHBOURING) & (DIRECTIONS - 1)]
    at_least: float = max(found, np.float32(0.5))
    return at_least


@kernel
def _evidence(
    moved: Floats, reference: Side, paired: int, turn: float, work: Workspace, parameters: ComparisonParameters
) -> float:
    """Log likelihood ratio of a motion: one finger against coincidence.

    Each paired minutia counts log(q f / c): q is the share of minutiae in the overlap that find their mate, f the
    density of its misplacement between mates (normal), c that of minutiae of its direction in the overlap. Each
    unpaired one counts log((1 - q) / (1 - p)), p the probability that a minutia finds a partner by chance. The turn
    counts by a prior: fingers are mostly put down upright.
    """
    box = _overlap(moved, reference, parameters.overlap_margin)
    area = max(box[1] - box[0], 20.0) * max(box[3] - box[2], 20.0)
    mine, theirs = work.alike_directions
    my_count = _directions(moved[0], moved[1], moved[2], box, work.directions, mine)
    their_count = _directions(reference.x, reference.y, reference.angle, box, work.directions, theirs)
    position, direction = parameters.position_deviation, parameters.direction_deviation
    misfit, coincidences = 0.0, 1.0
    logarithms = 0.0
    for k in range(paired):
        i, j = work.paired_row[k], work.paired_column[k]
        dx, dy = moved[0, i] - reference.x[j], moved[1, i] - reference.y[j]
        away: Any = abs(moved[2, i] - reference.angle[j])
        away = min(away, _TURN - away)
        misfit += (dx * dx + dy * dy) / (2 * position * position) + away * away / (2 * direction * direction)
        coincidences *= _like(mine, reference.angle[j]) * _like(theirs, moved[2, i])
        if coincidences > 1e200:
            logarithms += math.log(coincidences)
            coincidences = 1.0
    logarithms += math.log(coincidences)
    window = (2 * _NEIGHBOURING + 1) * 2 * math.pi / DIRECTIONS
    norm = 2 * math.pi * position * position * math.sqrt(2 * math.pi) * direction
    share = parameters.paired_share
    evidence = paired * math.log(share / norm * area * window) - misfit - logarithms / 2
    unpaired = (max(0, my_count - paired) + max(0, their_count - paired)) / 2
    chance = math.sqrt(max(my_count, 1) * max(their_count, 1)) / area
    chance = min(0.9, chance * parameters.pairing_distance**2 * parameters.pairing_angle)
    return evidence + unpaired * math.log((1 - share) / (1 - chance)) + _turn_evidence(turn, parameters)


@kernel
def _turn_evidence(turn: float, parameters: ComparisonParameters) -> float:
    """Log likelihood ratio of the rotation between two impressions of a finger against any rotation."""
    deviation, anyhow = parameters.rotation_deviation, parameters.any_rotation
    upright = math.exp(-turn * turn / (2 * deviation * deviation)) * math.sqrt(2 * math.pi) / deviation
    return math.log((1 - anyhow) * upright + anyhow)
