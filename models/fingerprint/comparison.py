"""Kernels of the exact comparison: local similarity -> relaxation -> verification of a rigid motion.

Source of the first two steps: R. Cappelli, M. Ferrara, D. Maltoni, "Minutia Cylinder-Code", IEEE TPAMI 32(12), 2010,
sections 4.1 and 4.2 (LSS-R). The third is in `verification.py`. y grows upwards in here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.calibration import ComparisonParameters
from models.fingerprint.compiler import kernel, popcount
from models.fingerprint.minutiae import ANGLE_STEP, POSITION_STEP
from models.fingerprint.sides import MAXIMUM_PAIRS, WHOLE, Floats, Side, Stored, Workspace
from models.fingerprint.verification import verify

Word = np.uint64
_SCALE = np.float32(1 << 22)
_TURN: Any = np.float32(2 * math.pi)
_SUPPORT_STEPS = np.float32(1 << 24)
_SINE: Any = tuple(np.float32(1 / math.factorial(n)) for n in (1, 3, 5, 7))
_COSINE: Any = tuple(np.float32(1 / math.factorial(n)) for n in (0, 2, 4, 6, 8))
"""Coefficients of their series."""


@kernel
def _sigmoid(value: float, centre: float, slope: float) -> float:
    return 1 / (1 + math.exp(-slope * (value - centre)))


@kernel
def _ones(a: Word, b: Word, c: Word, d: Word, e: Word, f: Word) -> int:
    return popcount(a) + popcount(b) + popcount(c) + popcount(d) + popcount(e) + popcount(f)


@kernel
def _word(side: Side, i: int) -> tuple[Word, Word, Word, Word, Word, Word]:
    w0, w1, w2, w3, w4, w5 = side.words
    return w0[i], w1[i], w2[i], w3[i], w4[i], w5[i]


@kernel
def _similarity_row(
    probe: Side, i: int, reference: Side, ranked: NDArray[np.int32], parameters: ComparisonParameters
) -> None:
    """Similarity of cylinder i of the probe with each of the reference (TPAMI 2010, eq. 20 on bits), to be ranked.

    1 - |a xor b| / (|a| + |b|) over the cells valid in both, with |.| the Euclidean norm of a bit vector. Written as
    one integer that carries the column in its low byte, so that the largest is found without branches.
    """
    valid = probe.validity[i]
    p0, p1, p2, p3, p4, p5 = _word(probe, i)
    w0, w1, w2, w3, w4, w5 = reference.words
    validity = reference.validity
    least = np.int64(parameters.minimum_common_cells)
    for j in range(len(validity)):
        common = valid & validity[j]
        a0, a1, a2, a3, a4, a5 = p0 & common, p1 & common, p2 & common, p3 & common, p4 & common, p5 & common
        b0, b1, b2 = w0[j] & common, w1[j] & common, w2[j] & common
        b3, b4, b5 = w3[j] & common, w4[j] & common, w5[j] & common
        differing = _ones(a0 ^ b0, a1 ^ b1, a2 ^ b2, a3 ^ b3, a4 ^ b4, a5 ^ b5)
        in_probe, in_reference = _ones(a0, a1, a2, a3, a4, a5), _ones(b0, b1, b2, b3, b4, b5)
        norms: Any = math.sqrt(np.float32(in_probe)) + math.sqrt(np.float32(in_reference))
        value = np.float32(1) - math.sqrt(np.float32(differing)) / max(norms, np.float32(1e-3))
        usable = (np.int64(popcount(common)) >= least) & (norms > 0)
        ranked[j] = (np.int32(value * _SCALE) << 8) | np.int32(j) if usable else np.int32(0)


@kernel
def _candidates(probe: Side, reference: Side, work: Workspace, parameters: ComparisonParameters) -> int:
    """Write the two best reference cylinders of each probe cylinder; return the number of pairs."""
    count = 0
    ranked, size = work.ranked, len(reference.x)
    for i in range(len(probe.x)):
        if probe.validity[i] == 0:
            continue
        _similarity_row(probe, i, reference, ranked, parameters)
        best, second = np.int32(0), np.int32(0)
        for j in range(size):
            best = max(best, ranked[j])
        for j in range(size):
            second = max(second, ranked[j] if ranked[j] != best else np.int32(0))
        for found in (best, second):
            if found >> 8 > 0:  # cylinders with nothing in common support nothing, and no motion follows from them
                work.pair_row[count], work.pair_column[count] = i, found & 255
                work.pair_similarity[count] = np.float32(found >> 8) * np.float32(1 / _SCALE)
                count += 1
    return count


@kernel
def _order_falling(values: Floats, count: int, places: Floats, order: NDArray[np.int64]) -> None:
    """Write the indexes of the first `count` values in falling order, equal ones by index.

    Each value counts those before it: without branches, which for a hundred values is faster than any sort. It looks at
    whole vectors, and so at what lies behind the values.
    """
    whole = -(-count // WHOLE) * WHOLE
    places[:whole] = 0
    for k in range(count):
        own = values[k]
        for j in range(whole):
            places[j] += np.float32(1) if own > values[j] else np.float32(0)
    order[:count] = -1
    for k in range(count):
        at = np.int64(places[k])
        while order[at] >= 0:
            at += 1
        order[at] = k


@kernel
def _best_pairs(probe: Side, reference: Side, count: int, limit: int, work: Workspace) -> int:
    """Keep the `limit` most similar candidate pairs, in falling order, with where they lie; return their number."""
    order, spot = work.order, work.spot
    _order_falling(work.pair_similarity, count, work.places, order)
    kept = min(count, limit)
    for k in range(kept):
        i, j = work.pair_row[order[k]], work.pair_column[order[k]]
        work.row[k], work.column[k], work.initial[k] = i, j, work.pair_similarity[order[k]]
        spot[0, k], spot[1, k], spot[2, k], spot[3, k] = probe.x[i], probe.y[i], reference.x[j], reference.y[j]
        spot[4, k] = reference.angle[j] - probe.angle[i]
    _cosines_and_sines(spot[4], kept, spot[5], spot[6])
    return kept


@kernel
def _cosines_and_sines(turns: Floats, count: int, cosines: Floats, sines: Floats) -> None:
    """Write cosine and sine of each turn, within 2e-6: by series for a quarter of the turn, which is doubled twice."""
    for k in range(-(-count // WHOLE) * WHOLE):
        turn: Any = turns[k]
        quarter = np.float32(0.25) * (turn - _TURN * np.rint(turn * np.float32(1 / _TURN)))
        square = quarter * quarter
        sine = quarter * (_SINE[0] - square * (_SINE[1] - square * (_SINE[2] - square * _SINE[3])))
        cosine = _COSINE[2] - square * (_COSINE[3] - square * _COSINE[4])
        cosine = _COSINE[0] - square * (_COSINE[1] - square * cosine)
        half_sine, half_cosine = sine * cosine, np.float32(0.5) - sine * sine  # of half the turn, halved
        cosines[k] = np.float32(1) - np.float32(8) * half_sine * half_sine
        sines[k] = np.float32(8) * half_sine * half_cosine


@kernel
def _mark_alike(a: int, work: Workspace, parameters: ComparisonParameters) -> None:
    """Mark the pairs before pair a that turn about as much and lie about as far from each other in both templates."""
    spot, alike = work.spot, work.alike
    px, py, rx, ry, turn = spot[0, a], spot[1, a], spot[2, a], spot[3, a], spot[4, a]
    square_limit, angle_limit = np.float32(parameters.distance_limit**2), np.float32(parameters.angle_limit)
    for b in range(-(-a // WHOLE) * WHOLE):
        dx, dy, ex, ey = spot[0, b] - px, spot[1, b] - py, spot[2, b] - rx, spot[3, b] - ry
        square, other = dx * dx + dy * dy, ex * ex + ey * ey
        # Their roots differ by the limit at most: written without roots, which take longer than all the rest.
        beyond = max(square + other - square_limit, np.float32(0))
        turned: Any = abs(spot[4, b] - turn)
        turned = min(turned, abs(_TURN - turned))
        alike[b] = (beyond * beyond <= np.float32(4) * square * other) & (turned <= angle_limit)


@kernel
def _compatibility(a: int, b: int, work: Workspace, parameters: ComparisonParameters) -> float:
    """How well two pairs agree: product of three sigmoids (TPAMI 2010, eq. 24 to 26); 0 if hardly."""
    spot = work.spot
    dx, dy, ex, ey = spot[0, b] - spot[0, a], spot[1, b] - spot[1, a], spot[2, b] - spot[2, a], spot[3, b] - spot[3, a]
    # Turned by the difference of the directions, the probe's radius should point where the reference's does.
    fx, fy = spot[5, a] * dx - spot[6, a] * dy, spot[6, a] * dx + spot[5, a] * dy
    distance, other = math.sqrt(dx * dx + dy * dy), math.sqrt(ex * ex + ey * ey)
    forward = ex * fx + ey * fy
    if forward < distance * other * parameters.angle_limit_cosine:
        return 0.0
    radial = math.atan2(abs(ex * fy - ey * fx), forward)
    stretch = abs(distance - other)
    turned: Any = abs(spot[4, b] - spot[4, a])
    turned = min(turned, abs(_TURN - turned))
    doubts = _doubt(stretch, parameters.distance_centre, parameters.distance_slope)
    doubts *= _doubt(turned, parameters.angle_centre, parameters.angle_slope)
    doubts *= _doubt(radial, parameters.angle_centre, parameters.angle_slope)
    return 1 / doubts


@kernel
def _doubt(value: float, centre: float, slope: float) -> float:
    """The inverse of a sigmoid."""
    power: Any = np.float32(slope) * (np.float32(centre) - value)
    return 1 + math.exp(power)


@kernel
def _edges(pairs: int, work: Workspace, parameters: ComparisonParameters) -> int:
    """Write the compatible pairs of pairs; return their number."""
    count = 0
    for a in range(pairs):
        _mark_alike(a, work, parameters)
        for b in range(a):
            if not work.alike[b] or work.row[a] == work.row[b] or work.column[a] == work.column[b]:
                continue
            weight = _compatibility(a, b, work, parameters)
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
def _relaxed_score(probe: Side, reference: Side, pairs: int, scored: int, work: Workspace) -> float:
    """Mean relaxed similarity of the `scored` most efficient pairs without a minutia in common."""
    work.used_row[: len(probe.x)] = False
    work.used_column[: len(reference.x)] = False
    total: Any = np.float32(0)
    taken = 0
    for k in range(pairs):
        a = work.order[k]
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
def _compare_ordered(probe: Side, reference: Side, work: Workspace, parameters: ComparisonParameters) -> float:
    smaller = len(probe.x)
    if smaller < 3:
        return 0.0
    count = _candidates(probe, reference, work, parameters)
    limit = min(int(parameters.candidate_pairs), int(smaller * parameters.candidate_pairs_per_minutia) + 1)
    pairs = _best_pairs(probe, reference, count, min(limit, MAXIMUM_PAIRS), work)
    if pairs == 0:
        return 0.0
    edges = _edges(pairs, work, parameters)
    _relax(pairs, edges, work, parameters)
    for a in range(pairs):  # in steps: of pairs that nothing supports, the more similar ones come first
        work.support[a] = np.floor(work.relaxed[a] / work.initial[a] * _SUPPORT_STEPS)
    _order_falling(work.support, pairs, work.places, work.order)
    fullness = _sigmoid(smaller, parameters.pairs_centre, parameters.pairs_slope)
    scored = int(parameters.pairs_low + round(fullness * (parameters.pairs_high - parameters.pairs_low)))
    relaxed = _relaxed_score(probe, reference, pairs, scored, work)
    evidence = verify(probe, reference, pairs, edges, work, parameters)
    total = evidence + parameters.relaxed_weight * math.log(relaxed + parameters.relaxed_floor)
    return min(
        1.0, max(0.0, (total - parameters.evidence_floor) / (parameters.evidence_top - parameters.evidence_floor))
    )


@kernel
def compare_sides(probe: Side, reference: Side, work: Workspace, parameters: ComparisonParameters) -> float:
    """Similarity of two templates, 0..1. The one with fewer minutiae looks for its minutiae in the other."""
    if len(probe.x) <= len(reference.x):
        return _compare_ordered(probe, reference, work, parameters)
    return _compare_ordered(reference, probe, work, parameters)


@kernel
def take(stored: Stored, start: int, stop: int, taken: Floats) -> Side:
    """The template that lies at start:stop; its x, y and angle are in `taken`, which has room for them."""
    count, words = stop - start, stored.words
    x, y, angle = taken[0][:count], taken[1][:count], taken[2][:count]
    own_x, own_y, own_angle = stored.planes[0][start:stop], stored.planes[1][start:stop], stored.planes[2][start:stop]
    step, part = np.float32(POSITION_STEP), ANGLE_STEP
    top, bottom = np.uint16(65535), np.uint16(0)
    for j in range(count):
        x[j] = np.float32(own_x[j]) * step
        y[j] = -np.float32(own_y[j]) * step
        angle[j] = np.float32(own_angle[j] * part)
        top, bottom = min(top, own_y[j]), max(bottom, own_y[j])
    low, high = -POSITION_STEP * bottom, -POSITION_STEP * top
    # Rows first: rows of a C array, and parts of them, are known to be contiguous, which makes the loops fast.
    w0, w1, w2 = words[0][start:stop], words[1][start:stop], words[2][start:stop]
    w3, w4, w5 = words[3][start:stop], words[4][start:stop], words[5][start:stop]
    return Side(x, y, angle, low, high, (w0, w1, w2, w3, w4, w5), words[6][start:stop])


@kernel
def compare_many(
    probe: Side,
    gallery: Stored,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    work: Workspace,
    parameters: ComparisonParameters,
    similarities: Floats,
) -> None:
    """Compare the probe with the template at starts[k]:stops[k] of the gallery, for each k; write similarities[k]."""
    for k in range(len(starts)):
        similarities[k] = compare_sides(probe, take(gallery, starts[k], stops[k], work.taken), work, parameters)
