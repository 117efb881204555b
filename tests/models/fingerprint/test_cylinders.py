import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models import calibration
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.minutiae import Minutiae
from models.fingerprint.synthetic import SyntheticFinger
from models.samples import Position

P = calibration.CYLINDERS
CENTRES = (np.arange(8) - 3.5) * P.radius / 4


def contributions(minutiae: Minutiae, centre: int) -> NDArray[np.float64]:
    """Cells (6, 64) of one cylinder, written down from equations 4 to 11 of the paper."""
    xy = minutiae.xy.astype(float) * (1, -1)
    angle = minutiae.angle.astype(float)
    cosine, sine = math.cos(angle[centre]), math.sin(angle[centre])
    cells = np.zeros((6, 8, 8))
    for i, u in enumerate(CENTRES):
        for j, v in enumerate(CENTRES):
            point = xy[centre] + (cosine * u - sine * v, sine * u + cosine * v)
            for other in range(len(xy)):
                distance = float(np.hypot(*(xy[other] - point)))
                if other == centre or distance > 3 * P.spatial_sigma:
                    continue
                density = math.exp(-((distance / P.spatial_sigma) ** 2) / 2) / (
                    P.spatial_sigma * math.sqrt(2 * math.pi)
                )
                for k in range(6):
                    section = -math.pi + (k + 0.5) * math.pi / 3
                    away = math.remainder(section - (angle[centre] - angle[other]), 2 * math.pi)
                    high, low = away + math.pi / 6, away - math.pi / 6
                    scale = P.angular_sigma * math.sqrt(2)
                    cells[k, i, j] += density * (math.erf(high / scale) - math.erf(low / scale)) / 2
    return cells.reshape(6, 64)


def cells_inside(minutiae: Minutiae, centre: int) -> NDArray[np.bool_]:
    """Cells (64,) whose centre lies in the circle and in the convex hull of the minutiae plus its margin."""
    xy = minutiae.xy.astype(float) * (1, -1)
    hull = xy[cv2.convexHull(xy.astype(np.float32), clockwise=False, returnPoints=False)[:, 0]]
    cosine, sine = math.cos(minutiae.angle[centre]), math.sin(minutiae.angle[centre])
    inside = np.zeros((8, 8), bool)
    for i, u in enumerate(CENTRES):
        for j, v in enumerate(CENTRES):
            point = xy[centre] + (cosine * u - sine * v, sine * u + cosine * v)
            edges = np.roll(hull, -1, axis=0) - hull
            away = point - hull
            within = bool((edges[:, 0] * away[:, 1] - edges[:, 1] * away[:, 0] >= 0).all())
            along = np.clip((away * edges).sum(1) / (edges**2).sum(1), 0, 1)[:, None]
            near = bool(np.hypot(*(away - along * edges).T).min() <= P.hull_margin)
            inside[i, j] = math.hypot(u, v) <= P.radius and (within or near)
    return inside.ravel()


def unpack(word: np.uint64) -> NDArray[np.bool_]:
    return np.array([int(word) >> cell & 1 for cell in range(64)], bool)


@pytest.mark.parametrize("seed", [1, 2])
def test_cylinders_are_those_of_the_paper(seed: int) -> None:
    minutiae = SyntheticFinger(seed).impression(0)
    template = build_template(minutiae, Position.UNKNOWN)
    usable = np.flatnonzero(template.validity)
    assert len(usable) >= 20
    for centre in usable[::5]:
        inside = cells_inside(minutiae, int(centre))
        assert (unpack(template.validity[centre]) == inside).all()
        cells = contributions(minutiae, int(centre))
        certain = np.abs(cells - P.bit_threshold) > 1e-4  # directions are tabulated in steps of a third of a degree
        for section in range(6):
            expected = (cells[section] >= P.bit_threshold) & inside
            differ = unpack(template.bits[section, centre]) != expected
            assert not (differ & certain[section]).any()


def test_cylinders_turn_and_move_with_the_finger() -> None:
    minutiae = SyntheticFinger(3).impression(0)
    quarter = Minutiae(
        np.stack([minutiae.xy[:, 1], 500 - minutiae.xy[:, 0]], axis=1),
        ((minutiae.angle + np.pi / 2) % (2 * np.pi)).astype(np.float32),
        minutiae.kind,
        minutiae.quality,
    )
    bits, turned = (build_template(each, Position.UNKNOWN).bits for each in (minutiae, quarter))
    assert np.bitwise_count(bits ^ turned).sum() <= 0.005 * np.bitwise_count(bits).sum()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_minutiae_have_no_cylinders(count: int) -> None:
    codes = np.zeros(count, np.uint8)
    minutiae = Minutiae(np.full((count, 2), 50, np.float32), np.zeros(count, np.float32), codes, codes)
    assert not build_template(minutiae, Position.UNKNOWN).validity.any()


@pytest.mark.parametrize("step", [(0, 0), (7, 0), (5, 5)])
def test_coincident_and_collinear_minutiae_are_harmless(step: tuple[int, int]) -> None:
    xy = (np.arange(20)[:, None] * step + 100).astype(np.float32)
    codes = np.zeros(20, np.uint8)
    template = build_template(Minutiae(xy, np.zeros(20, np.float32), codes, codes), Position.UNKNOWN)
    assert template.bits.shape == (6, 20)


def test_a_template_comes_back_from_its_bytes_exactly() -> None:
    template = build_template(SyntheticFinger(5).impression(1), Position.LEFT_RING).with_vector()
    stored = template.to_bytes()
    assert len(stored) == 4 + 96 + 8 * len(template.minutiae)
    again = FingerTemplate.from_bytes(stored)
    assert again == template
    assert again.position is Position.LEFT_RING
    assert (again.bits == template.bits).all()
    assert (again.validity == template.validity).all()
    assert (again.vector == template.vector).all()


def test_a_template_stored_before_there_were_vectors_gets_one() -> None:
    template = build_template(SyntheticFinger(5).impression(1), Position.LEFT_RING)
    stored = template.to_bytes()
    again = FingerTemplate.from_bytes(b"\1" + stored[1:4] + stored[4 + 96 :])
    assert again == template
    assert not again.vector.any()
    assert (again.with_vector().vector == template.with_vector().vector).all()


def test_damaged_or_foreign_encodings_are_refused() -> None:
    stored = build_template(SyntheticFinger(5).impression(1), Position.LEFT_RING).to_bytes()
    for damaged in (b"", stored[:-1], stored + b"\0", b"\xff" + stored[1:], stored[:1] + b"\x0b" + stored[2:]):
        with pytest.raises(ValueError, match=r"stored|position"):
            FingerTemplate.from_bytes(damaged)


def test_more_minutiae_than_a_record_holds_are_refused() -> None:
    codes = np.zeros(256, np.uint8)
    with pytest.raises(ValueError, match="255"):
        build_template(
            Minutiae(np.zeros((256, 2), np.float32), np.zeros(256, np.float32), codes, codes), Position.UNKNOWN
        )
