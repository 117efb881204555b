"""Kernels that build binary cylinders (see `cylinders.py`). y grows upwards in here."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.calibration import CylinderParameters
from models.fingerprint.compiler import kernel, popcount

Floats = NDArray[np.float32]
Points = tuple[Floats, Floats, Floats]
"""x, y (upwards) and direction of n minutiae."""

SECTIONS = 6
"""Angular sections, one 64-bit word each."""
SIDE = 8
"""Cells a side of the spatial grid; 8 x 8 cells fill one word."""
_TABLE = 1024
"""Steps a turn of the table of angular contributions."""


def build_cylinders(
    xy: NDArray[np.float32], angle: NDArray[np.float32]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Build the cylinders of n minutiae.

    Args:
        xy: (n, 2) pixels at 500 dpi, y downwards.
        angle: (n,) radians, counter-clockwise with y upwards.

    Returns:
        bits uint64 (6, n) and validity uint64 (n,) as in `FingerTemplate`.
    """
    parameters = calibration.CYLINDERS
    x, y = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(-xy[:, 1])
    return _build((x, y, angle), _angular_contributions(parameters.angular_sigma), parameters)


@cache
def _angular_contributions(sigma: float) -> NDArray[np.float32]:
    """Table (1024, 6) of the directional contribution (TPAMI 2010, eq. 11).

    Row: the direction of a neighbour minus that of the centre, in 1024 steps a turn. The integral of a normal density
    with deviation `sigma` over each angular section.
    """
    width = 2 * math.pi / SECTIONS
    table = np.empty((_TABLE, SECTIONS), np.float32)
    for step in range(_TABLE):
        for section in range(SECTIONS):
            centre = -math.pi + (section + 0.5) * width
            away = math.remainder(centre + 2 * math.pi * step / _TABLE, 2 * math.pi)
            low, high = (away - width / 2) / (sigma * math.sqrt(2)), (away + width / 2) / (sigma * math.sqrt(2))
            table[step, section] = (math.erf(high) - math.erf(low)) / 2
    return table


@kernel
def _turns_right(x: Floats, y: Floats, a: int, b: int, c: int) -> bool:
    right: bool = (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a]) <= 0
    return right


@kernel
def _convex_hull(x: Floats, y: Floats) -> NDArray[np.int64]:
    """Indexes of the convex hull, counter-clockwise (Andrew's monotone chain)."""
    n = len(x)
    order = np.argsort(x)
    hull = np.empty(2 * n + 2, np.int64)
    size = 0
    for sweep in range(2):
        floor = size + 1 if sweep else 2
        for step in range(n):
            i = order[n - 1 - step] if sweep else order[step]
            while size >= floor and _turns_right(x, y, hull[size - 2], hull[size - 1], i):
                size -= 1
            if size == 0 or hull[size - 1] != i:
                hull[size] = i
                size += 1
    return hull[: max(size - 1, 1)]


@kernel
def _near_hull(px: float, py: float, x: Floats, y: Floats, margin: float) -> bool:
    """Whether (px, py) lies in the convex polygon (x, y) or within `margin` of it."""
    n = len(x)
    inside = True
    nearest = np.inf
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        ex, ey, dx, dy = x[j] - x[i], y[j] - y[i], px - x[i], py - y[i]
        if ex * dy - ey * dx < 0:
            inside = False
        length = ex * ex + ey * ey
        along = min(1.0, max(0.0, (dx * ex + dy * ey) / length)) if length > 0 else 0.0
        nearest = min(nearest, (dx - along * ex) ** 2 + (dy - along * ey) ** 2)
    return inside or nearest <= margin * margin


@kernel
def _valid_cells(
    cx: float, cy: float, angle: float, hull_x: Floats, hull_y: Floats, parameters: CylinderParameters
) -> tuple[np.uint64, np.uint64]:
    """Bits of the cells of one cylinder that lie in its circle and inside the print; and of those in its circle."""
    step = 2 * parameters.radius / SIDE
    cosine, sine = math.cos(angle), math.sin(angle)
    valid, circle = np.uint64(0), np.uint64(0)
    for i in range(SIDE):
        for j in range(SIDE):
            u, v = (i - (SIDE - 1) / 2) * step, (j - (SIDE - 1) / 2) * step
            if u * u + v * v > parameters.radius**2:
                continue
            bit = np.uint64(1) << np.uint64(i * SIDE + j)
            circle |= bit
            px, py = cx + cosine * u - sine * v, cy + sine * u + cosine * v
            if _near_hull(px, py, hull_x, hull_y, parameters.hull_margin):
                valid |= bit
    return valid, circle


@kernel
def _add_neighbour(cells: Floats, forward: float, left: float, angular: Floats, parameters: CylinderParameters) -> None:
    """Add the contribution of a neighbour at (forward, left) of the centre to the cells (6, 64) (eq. 7 to 11)."""
    step = 2 * parameters.radius / SIDE
    sigma = parameters.spatial_sigma
    reach = 3 * sigma
    height = 1 / (sigma * math.sqrt(2 * math.pi))
    for i in range(SIDE):
        du = (i - (SIDE - 1) / 2) * step - forward
        if abs(du) > reach:
            continue
        for j in range(SIDE):
            dv = (j - (SIDE - 1) / 2) * step - left
            square = du * du + dv * dv
            if square > reach * reach:
                continue
            spatial = height * math.exp(-square / (2 * sigma * sigma))
            for section in range(SECTIONS):
                cells[section, i * SIDE + j] += spatial * angular[section]


@kernel
def _fill(cells: Floats, centre: int, minutiae: Points, contributions: Floats, parameters: CylinderParameters) -> int:
    """Fill the cells of one cylinder; return the number of neighbours that contributed."""
    cells[:] = 0
    x, y, angle = minutiae
    cosine, sine = math.cos(angle[centre]), math.sin(angle[centre])
    reach = parameters.radius + 3 * parameters.spatial_sigma
    neighbours = 0
    for other in range(len(x)):
        dx, dy = x[other] - x[centre], y[other] - y[centre]
        if other == centre or dx * dx + dy * dy > reach * reach:
            continue
        neighbours += 1
        turn = int(np.rint((angle[other] - angle[centre]) * (_TABLE / (2 * math.pi)))) & (_TABLE - 1)
        _add_neighbour(cells, cosine * dx + sine * dy, cosine * dy - sine * dx, contributions[turn], parameters)
    return neighbours


@kernel
def _pack(cells: Floats, valid: np.uint64, threshold: float, centre: int, bits: NDArray[np.uint64]) -> None:
    """Write one word a section: the valid cells whose contribution reaches the threshold."""
    for section in range(SECTIONS):
        word = np.uint64(0)
        for cell in range(SIDE * SIDE):
            if cells[section, cell] >= threshold:
                word |= np.uint64(1) << np.uint64(cell)
        bits[section, centre] = word & valid


@kernel
def _build(
    minutiae: Points, contributions: Floats, parameters: CylinderParameters
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    x, y, angle = minutiae
    n = len(x)
    bits = np.zeros((SECTIONS, n), np.uint64)
    validity = np.zeros(n, np.uint64)
    if n < 3:
        return bits, validity
    hull = _convex_hull(x, y)
    hull_x, hull_y = x[hull], y[hull]
    cells = np.empty((SECTIONS, SIDE * SIDE), np.float32)
    for centre in range(n):
        valid, circle = _valid_cells(x[centre], y[centre], angle[centre], hull_x, hull_y, parameters)
        if popcount(valid) < parameters.minimum_valid_cells * popcount(circle):
            continue
        if _fill(cells, centre, minutiae, contributions, parameters) >= parameters.minimum_neighbours:
            validity[centre] = valid
            _pack(cells, valid, parameters.bit_threshold, centre, bits)
    return bits, validity
