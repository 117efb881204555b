"""Kernels that find the motion of one template onto the other, and apply it. y grows upwards in here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.calibration import ComparisonParameters
from models.fingerprint.compiler import kernel
from models.fingerprint.sides import Floats, Motion, Side, Workspace

_TURN: Any = np.float32(2 * math.pi)


@kernel
def fit_pairs(seed: int, edges: int, work: Workspace, parameters: ComparisonParameters) -> Motion:
    """Rigid motion by weighted least squares over a seed pair and the pairs compatible with it."""
    count = _join(seed, work.relaxed[seed], 0, work)
    for e in range(edges):
        a, b = work.edge_a[e], work.edge_b[e]
        if a == seed or b == seed:
            other = a + b - seed
            count = _join(other, work.edge[e] * work.relaxed[other], count, work)
    return _fit(count, work, parameters)


@kernel
def _join(pair: int, weight: float, count: int, work: Workspace) -> int:
    """Add a candidate pair to those that a motion is fitted to; return their number."""
    for field in range(4):
        work.joint[field, count] = work.spot[field, pair]
    work.joint[4, count], work.joint[5, count] = work.spot[5, pair], work.spot[6, pair]
    work.joint[6, count] = weight
    return count + 1


@kernel
def fit_paired(probe: Side, reference: Side, count: int, work: Workspace, parameters: ComparisonParameters) -> Motion:
    """Rigid motion by least squares over the paired minutiae."""
    joint = work.joint
    for k in range(count):
        i, j = work.paired_row[k], work.paired_column[k]
        joint[0, k], joint[1, k], joint[2, k], joint[3, k] = probe.x[i], probe.y[i], reference.x[j], reference.y[j]
        turn = reference.angle[j] - probe.angle[i]
        joint[4, k], joint[5, k], joint[6, k] = math.cos(turn), math.sin(turn), 1
    return _fit(count, work, parameters)


@kernel
def _fit(count: int, work: Workspace, parameters: ComparisonParameters) -> Motion:
    """Rigid motion that brings positions and directions of weighted pairs together (least squares, closed form)."""
    joint = work.joint
    total, px, py, rx, ry = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        weight = joint[6, k]
        total += weight
        px += weight * joint[0, k]
        py += weight * joint[1, k]
        rx += weight * joint[2, k]
        ry += weight * joint[3, k]
    px, py, rx, ry = px / total, py / total, rx / total, ry / total
    along, across = 0.0, 0.0
    for k in range(count):
        ux, uy, vx, vy = joint[0, k] - px, joint[1, k] - py, joint[2, k] - rx, joint[3, k] - ry
        along += joint[6, k] * (ux * vx + uy * vy + parameters.direction_weight * joint[4, k])
        across += joint[6, k] * (ux * vy - uy * vx + parameters.direction_weight * joint[5, k])
    return math.atan2(across, along), px, py, rx, ry


@kernel
def move(probe: Side, motion: Motion, moved: Floats) -> None:
    """Write the probe's minutiae after the motion."""
    turn, px, py, rx, ry = motion
    cosine, sine = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    shift_x, shift_y = np.float32(rx - cosine * px + sine * py), np.float32(ry - sine * px - cosine * py)
    turned = np.float32(turn)
    for i in range(len(probe.x)):
        x, y = probe.x[i], probe.y[i]
        moved[0, i] = cosine * x - sine * y + shift_x
        moved[1, i] = sine * x + cosine * y + shift_y
        angle: Any = probe.angle[i] + turned
        if angle < 0:
            angle += _TURN
        elif angle >= _TURN:
            angle -= _TURN
        moved[2, i] = angle


@kernel
def stretch(moved: Floats, reference: Side, count: int, work: Workspace, parameters: ComparisonParameters) -> None:
    """Let the moved minutiae follow an affine distortion of the skin, as far as the paired ones call for it (ridge)."""
    middle_x, middle_y, shift_x, shift_y = 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        i, j = work.paired_row[k], work.paired_column[k]
        middle_x += moved[0, i] / count
        middle_y += moved[1, i] / count
        shift_x += (reference.x[j] - moved[0, i]) / count
        shift_y += (reference.y[j] - moved[1, i]) / count
    xx, xy, yy = parameters.stiffness, 0.0, parameters.stiffness
    xa, ya, xb, yb = 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        i, j = work.paired_row[k], work.paired_column[k]
        u, v = moved[0, i] - middle_x, moved[1, i] - middle_y
        a, b = reference.x[j] - moved[0, i], reference.y[j] - moved[1, i]
        xx, xy, yy = xx + u * u, xy + u * v, yy + v * v
        xa, ya, xb, yb = xa + u * a, ya + v * a, xb + u * b, yb + v * b
    scale = 1 / (xx * yy - xy * xy)
    ax, ay = (yy * xa - xy * ya) * scale, (xx * ya - xy * xa) * scale
    bx, by = (yy * xb - xy * yb) * scale, (xx * yb - xy * xb) * scale
    for i in range(moved.shape[1]):
        u, v = moved[0, i] - middle_x, moved[1, i] - middle_y
        moved[0, i] += shift_x + ax * u + ay * v
        moved[1, i] += shift_y + bx * u + by * v
