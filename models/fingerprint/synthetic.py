"""Synthetic fingers and mated impressions of them, for demonstrations, tests and benchmarks.

A finger is a ridge orientation field with the singularities of its class (B. Sherlock, D. Monro, "A model for
interpreting fingerprint topology", Pattern Recognition 26(7), 1993: cores are zeros, deltas poles of the field) and
minutiae on it that keep a distance from each other. An impression is what a scanner and an extractor would make of it:
a placement, a stretch of the skin, the part of the finger that touches, minutiae missed, invented and misplaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.formats import Record, RecordMinutia, View, iso2005
from models.fingerprint.minutiae import STANDARD_RESOLUTION, Kind, Minutiae, on_grid
from models.samples import Position

WIDTH, HEIGHT = 400, 500
"""Size of the scanner's image in pixels at 500 dpi: 20 by 25 mm."""
_HALF_WIDTH, _HALF_HEIGHT = 165.0, 215.0
"""Half axes of the ellipse that is a fingertip: 17 by 22 mm, about 290 square millimetres."""
_MINUTIAE = (48, 72)
"""Minutiae of a whole fingertip, about 0.2 a square millimetre (D. Maltoni et al., Handbook of Fingerprint Recognition,
chapter 3)."""
_LEAST_DISTANCE = 12.0
_ENDINGS = 0.6
_CLASSES = ("left loop", "right loop", "whorl", "arch", "tented arch")
_SHARES = (0.338, 0.317, 0.279, 0.037, 0.029)
"""How common the classes are (C. Wilson, G. Candela, C. Watson, Journal of Artificial Neural Networks 1(2), 1993)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Conditions:
    """How hard the impressions of a finger are to match. Pixels at 500 dpi, radians, probabilities.

    Attributes:
        rotation: standard deviation of the finger's rotation on the scanner.
        offset: standard deviation of the part of the fingertip that touches, against its middle.
        contact: mean size of the touching part against the fingertip, along each axis.
        distortion: standard deviation of the displacement by which the skin stretches.
        missed: probability that a minutia is not extracted.
        invented: expected number of false minutiae a true one.
        position_error: standard deviation of each coordinate; angle_error: of the direction.
        kind_error: probability that ending and bifurcation are confused.
    """

    rotation: float = 0.15
    offset: float = 20.0
    contact: float = 0.9
    distortion: float = 2.5
    missed: float = 0.12
    invented: float = 0.08
    position_error: float = 1.5
    angle_error: float = 0.09
    kind_error: float = 0.1


EASY = Conditions()
"""A careful capture on a good scanner."""
HARD = Conditions(0.3, 40.0, 0.8, 5.0, 0.25, 0.2, 2.2, 0.14, 0.2)
"""Uncooperative captures, in the manner of FVC2004: rotated, off centre, pressed, wet or dry."""


@dataclass(frozen=True)
class SyntheticFinger:
    """A finger that does not exist; the same seed gives the same finger, and the same impressions of it."""

    seed: int

    @cached_property
    def _master(self) -> tuple[Floats, Floats, NDArray[np.uint8]]:
        """Positions (n, 2), y upwards, origin in the middle; directions (n,); kinds (n,)."""
        rng = np.random.default_rng([1, self.seed])
        field = _OrientationField.draw(rng)
        xy = _spread(rng, int(rng.integers(*_MINUTIAE)))
        along = field.at(xy) + rng.normal(0, 0.08, len(xy))
        angle = along + np.pi * rng.integers(0, 2, len(xy))
        kind = np.where(rng.random(len(xy)) < _ENDINGS, Kind.ENDING, Kind.BIFURCATION).astype(np.uint8)
        return xy, angle, kind

    def impression(self, seed: int, conditions: Conditions = EASY) -> Minutiae:
        """Return one impression of the finger as an extractor would report it; deterministic."""
        rng = np.random.default_rng([2, self.seed, seed])
        xy, angle, kind = self._master
        seen = _touching(rng, xy, conditions) & (rng.random(len(xy)) >= conditions.missed)
        xy, angle, kind = xy[seen], angle[seen], kind[seen]
        xy, angle, kind = _with_invented(rng, xy, angle, kind, conditions)
        xy, angle = _stretch(rng, xy, angle, conditions.distortion)
        xy = xy + rng.normal(0, conditions.position_error, xy.shape)
        angle = angle + rng.normal(0, conditions.angle_error, len(angle))
        kind = np.where(rng.random(len(kind)) < conditions.kind_error, Kind.ENDING + Kind.BIFURCATION - kind, kind)
        return _on_scanner(rng, xy, angle, kind.astype(np.uint8), conditions.rotation)


def synthetic_template(
    finger_seed: int, impression_seed: int, position: Position, conditions: Conditions = EASY
) -> bytes:
    """Return one impression of a synthetic finger as an ISO/IEC 19794-2:2005 record."""
    minutiae = SyntheticFinger(finger_seed).impression(impression_seed, conditions)
    units = np.rint(minutiae.angle * (iso2005.ANGLE_UNITS / (2 * np.pi))).astype(int) % iso2005.ANGLE_UNITS
    points = np.rint(minutiae.xy).astype(int)
    recorded = tuple(
        RecordMinutia(int(kind), int(min(x, WIDTH - 1)), int(min(y, HEIGHT - 1)), int(angle), 0)
        for kind, (x, y), angle in zip(minutiae.kind, points, units, strict=True)
    )
    view = View(position, 0, 0, 0, recorded)
    return iso2005.write_record(Record((view,), WIDTH, HEIGHT, STANDARD_RESOLUTION, STANDARD_RESOLUTION))


@dataclass(frozen=True, slots=True)
class _OrientationField:
    """Sherlock and Monro's zero-pole model; an arch, which has no singularity, is a wave of the ridges."""

    cores: NDArray[np.complex128]
    deltas: NDArray[np.complex128]
    wave: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _OrientationField:
        kind = rng.choice(_CLASSES, p=_SHARES)
        if kind == "arch":
            return cls(np.empty(0, complex), np.empty(0, complex), rng.uniform(0.4, 0.9))
        core = complex(rng.normal(0, 12), rng.normal(30, 18))
        delta = rng.uniform(90, 140) + 1j * rng.uniform(-170, -110)
        if kind == "whorl":
            lower = core + complex(rng.normal(0, 10), -rng.uniform(20, 70))
            other = -rng.uniform(90, 140) + 1j * rng.uniform(-170, -110)
            return cls(np.array([core, lower]), np.array([delta, other]), 0.0)
        side = {"left loop": 1.0, "right loop": -1.0, "tented arch": 0.05}[str(kind)]
        return cls(np.array([core]), np.array([complex(side * delta.real, delta.imag)]), 0.0)

    def at(self, xy: Floats) -> Floats:
        """Ridge orientation (n,) in radians, modulo pi, at positions (n, 2)."""
        points = xy[:, 0] + 1j * xy[:, 1]
        if not len(self.cores):
            rise = np.clip(1 - (xy[:, 1] + 40) / 260, 0, 1.2)
            return np.asarray(-np.arctan(self.wave * rise * np.sin(np.pi * xy[:, 0] / _HALF_WIDTH)))
        turns = np.angle(points[:, None] - self.cores).sum(axis=1) - np.angle(points[:, None] - self.deltas).sum(axis=1)
        # One core and one delta, or two of each, cancel far away. Without a singularity the ridges lie across.
        return np.asarray(turns / 2)


def _spread(rng: np.random.Generator, count: int) -> Floats:
    """Positions (count, 2) in the fingertip's ellipse, no two closer than `_LEAST_DISTANCE`."""
    chosen: list[tuple[float, float]] = []  # of plain numbers: arrays of two would take most of the time
    least = _LEAST_DISTANCE**2
    while len(chosen) < count:
        x, y = rng.uniform(-1, 1, 2).tolist()
        if x * x + y * y > 1:
            continue
        x, y = x * _HALF_WIDTH, y * _HALF_HEIGHT
        if all((x - other) ** 2 + (y - another) ** 2 >= least for other, another in chosen):
            chosen.append((x, y))
    return np.array(chosen)


def _touching(rng: np.random.Generator, xy: Floats, conditions: Conditions) -> NDArray[np.bool_]:
    """Which positions lie in the part of the fingertip that touches the scanner."""
    size = np.clip(rng.normal(conditions.contact, 0.06, 2), 0.45, 1.1)
    middle = rng.normal(0, conditions.offset, 2)
    return np.asarray((((xy - middle) / (size * (_HALF_WIDTH, _HALF_HEIGHT))) ** 2).sum(axis=1) <= 1)


def _with_invented(
    rng: np.random.Generator, xy: Floats, angle: Floats, kind: NDArray[np.uint8], conditions: Conditions
) -> tuple[Floats, Floats, NDArray[np.uint8]]:
    """Add false minutiae: somewhere near true ones, along the ridges there, as creases and scars give them."""
    if not len(xy):
        return xy, angle, kind
    count = int(rng.poisson(conditions.invented * len(xy)))
    near = rng.integers(0, len(xy), count)
    false_xy = xy[near] + rng.normal(0, 25, (count, 2))
    false_angle = angle[near] + np.pi * rng.integers(0, 2, count) + rng.normal(0, 0.3, count)
    false_kind = rng.integers(Kind.ENDING, Kind.BIFURCATION + 1, count).astype(np.uint8)
    return (
        np.concatenate([xy, false_xy]),
        np.concatenate([angle, false_angle]),
        np.concatenate([kind, false_kind]),
    )


def _stretch(rng: np.random.Generator, xy: Floats, angle: Floats, strength: float) -> tuple[Floats, Floats]:
    """Displace by a smooth field, a polynomial of second order; directions follow the field."""
    weights = rng.normal(0, strength, (2, 5))

    def displaced(points: Floats) -> Floats:
        x, y = points[:, 0] / _HALF_WIDTH, points[:, 1] / _HALF_HEIGHT
        return points + np.stack([x, y, x * x, x * y, y * y], axis=1) @ weights.T

    ahead = xy + np.stack([np.cos(angle), np.sin(angle)], axis=1)
    moved = displaced(xy)
    direction = displaced(ahead) - moved
    return moved, np.arctan2(direction[:, 1], direction[:, 0])


def _on_scanner(
    rng: np.random.Generator, xy: Floats, angle: Floats, kind: NDArray[np.uint8], rotation: float
) -> Minutiae:
    """Turn and place the finger on the scanner; minutiae off its image are lost. y turns downwards here."""
    turn = rng.normal(0, rotation)
    cosine, sine = np.cos(turn), np.sin(turn)
    x = WIDTH / 2 + cosine * xy[:, 0] - sine * xy[:, 1] + rng.normal(0, 8)
    y = HEIGHT / 2 - (sine * xy[:, 0] + cosine * xy[:, 1]) + rng.normal(0, 8)
    seen = (x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT)
    order = rng.permutation(np.flatnonzero(seen))
    return on_grid(x[order], y[order], angle[order] + turn, kind[order], np.zeros(len(order), np.uint8))
