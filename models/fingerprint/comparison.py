"""Kernels of the exact comparison: local similarity -> relaxation -> rigid verification. y grows upwards in here.

Source of the first two steps: R. Cappelli, M. Ferrara, D. Maltoni, "Minutia Cylinder-Code", IEEE TPAMI 32(12), 2010,
sections 4.1 and 4.2 (LSS-R). The third is our own: the rigid motion that the best related pairs agree on is applied to
all minutiae, and the part of the overlapping minutiae that find a partner is counted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.calibration import ComparisonParameters
from models.fingerprint.compiler import kernel, popcount
from models.fingerprint.sides import MAXIMUM_PAIRS, Floats, Side, Workspace

Word = np.uint64
Motion = tuple[float, float, float, float, float]
"""A rigid motion: turn in radians, the point of the probe it turns about (x, y), where that point goes (x, y)."""

_TURN: Any = np.float32(2 * math.pi)


@kernel
def _sigmoid(value: float, centre: float, slope: float) -> float:
    return 1 / (1 + math.exp(-slope * (value - centre)))


@kernel
def _apart(a: float, b: float) -> float:
    """Smallest angle between two directions that differ by less than two turns."""
    away: Any = abs(a - b)
    if away > _TURN:
        away -= _TURN
    turned: float = min(away, _TURN - away)
    return turned


@kernel
def _ones(a: Word, b: Word, c: Word, d: Word, e: Word, f: Word) -> int:
    return popcount(a) + popcount(b) + popcount(c) + popcount(d) + popcount(e) + popcount(f)


@kernel
def _word(side: Side, i: int) -> tuple[Word, Word, Word, Word, Word, Word]:
    w0, w1, w2, w3, w4, w5 = side.words
    return w0[i], w1[i], w2[i], w3[i], w4[i], w5[i]


@kernel
def _similarity_row(probe: Side, i: int, reference: Side, similarity: Floats, parameters: ComparisonParameters) -> None:
    """Similarity of cylinder i of the probe with each of the reference (TPAMI 2010, eq. 20 on bits).

    1 - |a xor b| / (|a| + |b|) over the cells valid in both, with |.| the Euclidean norm of a bit vector.
    """
    valid, angle = probe.validity[i], probe.angle[i]
    p0, p1, p2, p3, p4, p5 = _word(probe, i)
    w0, w1, w2, w3, w4, w5 = reference.words
    validity, angles = reference.validity, reference.angle
    least, limit = np.int64(parameters.minimum_common_cells), np.float32(parameters.maximum_rotation)
    for j in range(len(angles)):
        common = valid & validity[j]
        a0, a1, a2, a3, a4, a5 = p0 & common, p1 & common, p2 & common, p3 & common, p4 & common, p5 & common
        b0, b1, b2 = w0[j] & common, w1[j] & common, w2[j] & common
        b3, b4, b5 = w3[j] & common, w4[j] & common, w5[j] & common
        differing = _ones(a0 ^ b0, a1 ^ b1, a2 ^ b2, a3 ^ b3, a4 ^ b4, a5 ^ b5)
        in_probe, in_reference = _ones(a0, a1, a2, a3, a4, a5), _ones(b0, b1, b2, b3, b4, b5)
        norms: Any = math.sqrt(np.float32(in_probe)) + math.sqrt(np.float32(in_reference))
        value = np.float32(1) - math.sqrt(np.float32(differing)) / max(norms, np.float32(1e-3))
        away = abs(angles[j] - angle)
        away = min(away, _TURN - away)
        usable = (np.int64(popcount(common)) >= least) & (away <= limit) & (norms > 0)
        similarity[j] = value if usable else np.float32(0)


@kernel
def _candidates(probe: Side, reference: Side, work: Workspace, parameters: ComparisonParameters) -> int:
    """Write the two best reference cylinders of each probe cylinder; return the number of pairs."""
    count = 0
    for i in range(len(probe.angle)):
        _similarity_row(probe, i, reference, work.similarity, parameters)
        best, second = np.float32(0), np.float32(0)
        best_at, second_at = -1, -1
        for j in range(len(reference.angle)):
            value = work.similarity[j]
            if value > second:
                if value > best:
                    second, second_at = best, best_at
                    best, best_at = value, j
                else:
                    second, second_at = value, j
        if best_at >= 0:
            work.pair_row[count], work.pair_column[count], work.pair_similarity[count] = i, best_at, best
            count += 1
        if second_at >= 0:
            work.pair_row[count], work.pair_column[count], work.pair_similarity[count] = i, second_at, second
            count += 1
    return count


@kernel
def _best_pairs(count: int, limit: int, work: Workspace) -> int:
    """Keep the `limit` most similar candidate pairs, in falling order; return their number."""
    order = np.argsort(-work.pair_similarity[:count])
    kept = min(count, limit)
    for k in range(kept):
        work.row[k] = work.pair_row[order[k]]
        work.column[k] = work.pair_column[order[k]]
        work.initial[k] = work.pair_similarity[order[k]]
    return kept


@kernel
def _compatibility(
    probe: Side, reference: Side, i: int, j: int, k: int, m: int, turn: float, parameters: ComparisonParameters
) -> float:
    """How well the pairs (i, j) and (k, m) agree: product of three sigmoids (TPAMI 2010, eq. 24 to 26); 0 if hardly."""
    dx, dy = probe.x[k] - probe.x[i], probe.y[k] - probe.y[i]
    ex, ey = reference.x[m] - reference.x[j], reference.y[m] - reference.y[j]
    stretch = abs(math.sqrt(dx * dx + dy * dy) - math.sqrt(ex * ex + ey * ey))
    if stretch > parameters.distance_limit:
        return 0.0
    # Turned by the difference of the directions, the reference's radius should point where the probe's does.
    first = probe.angle[i] - reference.angle[j]
    cosine, sine = math.cos(first), math.sin(first)
    fx, fy = cosine * ex - sine * ey, sine * ex + cosine * ey
    radial = math.atan2(abs(dx * fy - dy * fx), dx * fx + dy * fy)
    if radial > parameters.angle_limit:
        return 0.0
    return (
        _sigmoid(stretch, parameters.distance_centre, parameters.distance_slope)
        * _sigmoid(turn, parameters.angle_centre, parameters.angle_slope)
        * _sigmoid(radial, parameters.angle_centre, parameters.angle_slope)
    )


@kernel
def _edges(probe: Side, reference: Side, pairs: int, work: Workspace, parameters: ComparisonParameters) -> int:
    """Write the compatible pairs of pairs; return their number."""
    count = 0
    row, column, turns = work.row, work.column, work.support
    for a in range(pairs):
        turns[a] = probe.angle[row[a]] - reference.angle[column[a]]
    for a in range(pairs):
        for b in range(a):
            turn = _apart(turns[a], turns[b])
            if turn > parameters.angle_limit or row[a] == row[b] or column[a] == column[b]:
                continue
            weight = _compatibility(probe, reference, row[a], column[a], row[b], column[b], turn, parameters)
            if weight > 0:
                work.edge_a[count], work.edge_b[count], work.edge[count] = a, b, weight
                count += 1
    return count


@kernel
def _relax(pairs: int, edges: int, work: Workspace, parameters: ComparisonParameters) -> None:
    """Let compatible pairs support each other (TPAMI 2010, eq. 23), in place of `work.relaxed`."""
    relaxed, support = work.relaxed, work.support
    keep = np.float32(parameters.relaxation_weight)
    share = (1 - keep) / max(1, pairs - 1)
    relaxed[:pairs] = work.initial[:pairs]
    for _ in range(int(parameters.relaxation_rounds)):
        support[:pairs] = 0
        for e in range(edges):
            a, b, weight = work.edge_a[e], work.edge_b[e], work.edge[e]
            support[a] += weight * relaxed[b]
            support[b] += weight * relaxed[a]
        for a in range(pairs):
            relaxed[a] = keep * relaxed[a] + share * support[a]


@kernel
def _relaxed_score(order: NDArray[np.int64], pairs: int, scored: int, work: Workspace) -> float:
    """Mean relaxed similarity of the `scored` most efficient pairs without a minutia in common."""
    work.used_row[:] = False
    work.used_column[:] = False
    total: Any = np.float32(0)
    taken = 0
    for k in range(pairs):
        a = order[k]
        i, j = work.row[a], work.column[a]
        if work.used_row[i] or work.used_column[j]:
            continue
        work.used_row[i] = work.used_column[j] = True
        total += work.relaxed[a]
        taken += 1
        if taken >= scored:
            break
    mean: float = total / scored
    return mean


@kernel
def _fit(
    probe: Side, reference: Side, seed: int, edges: int, work: Workspace, parameters: ComparisonParameters
) -> Motion:
    """Rigid motion by weighted least squares over a seed pair and the pairs compatible with it."""
    weights = work.support
    weights[:MAXIMUM_PAIRS] = 0
    weights[seed] = work.relaxed[seed]
    for e in range(edges):
        if work.edge_a[e] == seed:
            weights[work.edge_b[e]] = work.edge[e] * work.relaxed[work.edge_b[e]]
        elif work.edge_b[e] == seed:
            weights[work.edge_a[e]] = work.edge[e] * work.relaxed[work.edge_a[e]]
    total, px, py, rx, ry = 0.0, 0.0, 0.0, 0.0, 0.0
    for a in range(MAXIMUM_PAIRS):
        weight = weights[a]
        if weight > 0:
            i, j = work.row[a], work.column[a]
            total += weight
            px += weight * probe.x[i]
            py += weight * probe.y[i]
            rx += weight * reference.x[j]
            ry += weight * reference.y[j]
    px, py, rx, ry = px / total, py / total, rx / total, ry / total
    along, across = 0.0, 0.0
    for a in range(MAXIMUM_PAIRS):
        weight = weights[a]
        if weight > 0:
            i, j = work.row[a], work.column[a]
            ux, uy, vx, vy = probe.x[i] - px, probe.y[i] - py, reference.x[j] - rx, reference.y[j] - ry
            turn = reference.angle[j] - probe.angle[i]
            along += weight * (ux * vx + uy * vy + parameters.verification_angle_weight * math.cos(turn))
            across += weight * (ux * vy - uy * vx + parameters.verification_angle_weight * math.sin(turn))
    return math.atan2(across, along), px, py, rx, ry


@kernel
def _move(probe: Side, motion: Motion, moved: Floats) -> None:
    """Write the probe's minutiae after the motion."""
    turn, px, py, rx, ry = motion
    cosine, sine = math.cos(turn), math.sin(turn)
    for i in range(len(probe.x)):
        ux, uy = probe.x[i] - px, probe.y[i] - py
        moved[0, i] = rx + cosine * ux - sine * uy
        moved[1, i] = ry + sine * ux + cosine * uy
        angle = probe.angle[i] + turn
        moved[2, i] = angle - 2 * math.pi * math.floor(angle / (2 * math.pi))


@kernel
def _inside(x: Floats, y: Floats, other_x: Floats, other_y: Floats, margin: float) -> int:
    """Number of points inside the bounding box of others, widened by a margin."""
    left, right = other_x.min() - margin, other_x.max() + margin
    low, high = other_y.min() - margin, other_y.max() + margin
    count = 0
    for i in range(len(x)):
        if left <= x[i] <= right and low <= y[i] <= high:
            count += 1
    return count


@kernel
def _paired(moved: Floats, reference: Side, work: Workspace, parameters: ComparisonParameters) -> float:
    """Sum over moved minutiae of how well each fits its nearest free minutia of the reference."""
    work.used_column[:] = False
    scale = 1 / parameters.verification_distance**2
    total = 0.0
    for i in range(moved.shape[1]):
        nearest, nearest_at = 1.0, -1
        for j in range(len(reference.x)):
            dx, dy = moved[0, i] - reference.x[j], moved[1, i] - reference.y[j]
            away = (dx * dx + dy * dy) * scale
            if away >= 1 or work.used_column[j]:
                continue
            turn = _apart(moved[2, i], reference.angle[j]) / parameters.verification_angle
            if turn < 1 and (away + turn * turn) / 2 < nearest:
                nearest, nearest_at = (away + turn * turn) / 2, j
        if nearest_at >= 0:
            work.used_column[nearest_at] = True
            total += 1 - nearest
    return total


@kernel
def _verify(probe: Side, reference: Side, motion: Motion, work: Workspace, parameters: ComparisonParameters) -> float:
    """Part of the overlapping minutiae that find a partner after the motion, 0..1."""
    moved = work.moved[:, : len(probe.x)]
    _move(probe, motion, moved)
    paired = _paired(moved, reference, work, parameters)
    least = parameters.overlap_minimum
    mine = _inside(moved[0], moved[1], reference.x, reference.y, parameters.overlap_margin)
    theirs = _inside(reference.x, reference.y, moved[0], moved[1], parameters.overlap_margin)
    part = paired / math.sqrt(max(mine, least) * max(theirs, least))
    return part * min(1.0, paired / parameters.verification_pairs)


@kernel
def compare_sides(probe: Side, reference: Side, work: Workspace, parameters: ComparisonParameters) -> float:
    """Similarity of two templates, 0..1. `probe` and `reference` are `Side`s, `work` a `Workspace`."""
    smaller = min(len(probe.x), len(reference.x))
    if smaller < 3:
        return 0.0
    count = _candidates(probe, reference, work, parameters)
    limit = min(int(parameters.candidate_pairs), int(smaller * parameters.candidate_pairs_per_minutia) + 1)
    pairs = _best_pairs(count, min(limit, MAXIMUM_PAIRS), work)
    if pairs == 0:
        return 0.0
    edges = _edges(probe, reference, pairs, work, parameters)
    _relax(pairs, edges, work, parameters)
    order = np.argsort(-work.relaxed[:pairs] / work.initial[:pairs])
    spread = parameters.pairs_high - parameters.pairs_low
    fullness = _sigmoid(smaller, parameters.pairs_centre, parameters.pairs_slope)
    scored = int(parameters.pairs_low + round(fullness * spread))
    relaxed = _relaxed_score(order, pairs, scored, work)
    verified = 0.0
    for k in range(min(int(parameters.verification_seeds), pairs)):
        motion = _fit(probe, reference, order[k], edges, work, parameters)
        verified = max(verified, _verify(probe, reference, motion, work, parameters))
    return relaxed * verified


@kernel
def _cut(side: Side, start: int, stop: int) -> Side:
    """The template that lies at start:stop of a side."""
    w0, w1, w2, w3, w4, w5 = side.words
    words = (w0[start:stop], w1[start:stop], w2[start:stop], w3[start:stop], w4[start:stop], w5[start:stop])
    return Side(side.x[start:stop], side.y[start:stop], side.angle[start:stop], words, side.validity[start:stop])


@kernel
def compare_many(
    probe: Side,
    gallery: Side,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    work: Workspace,
    parameters: ComparisonParameters,
    similarities: Floats,
) -> None:
    """Compare the probe with the template at starts[k]:stops[k] of the gallery, for each k; write similarities[k]."""
    for k in range(len(starts)):
        similarities[k] = compare_sides(probe, _cut(gallery, starts[k], stops[k]), work, parameters)
