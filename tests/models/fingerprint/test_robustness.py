"""What goes wrong with fingers on scanners in the field, and what is still told apart then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.matcher import FingerprintPack
from models.fingerprint.minutiae import Minutiae, on_grid
from models.fingerprint.synthetic import EASY, Conditions, SyntheticFinger
from models.samples import Position

STRANGERS = 60
MATES = 12


def template_of(minutiae: Minutiae) -> FingerTemplate:
    return build_template(minutiae, Position.UNKNOWN)


def only(minutiae: Minutiae, chosen: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Minutiae:
    return Minutiae(minutiae.xy[chosen], minutiae.angle[chosen], minutiae.kind[chosen], minutiae.quality[chosen])


def central(minutiae: Minutiae, count: int) -> Minutiae:
    """The minutiae closest to the middle of the print."""
    away = ((minutiae.xy - np.median(minutiae.xy, axis=0)) ** 2).sum(axis=1)
    return only(minutiae, np.sort(np.argsort(away)[:count]))


@pytest.fixture(scope="module")
def gallery() -> FingerprintPack:
    """Careful captures; row k holds finger k."""
    pack = FingerprintPack()
    for finger in range(STRANGERS):
        pack.add(template_of(SyntheticFinger(finger).impression(0)))
    return pack


def found_first(gallery: FingerprintPack, conditions: Conditions) -> int:
    """How many of some fingers captured so come before all others."""
    return sum(first(gallery, SyntheticFinger(finger).impression(1, conditions)) == finger for finger in range(MATES))


def first(gallery: FingerprintPack, minutiae: Minutiae) -> int:
    return int(gallery.compare_all(template_of(minutiae), np.ones(len(gallery), np.bool_)).argmax())


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param(replace(EASY, distortion=7.0), id="skin stretched"),
        pytest.param(replace(EASY, missed=0.4), id="two of five minutiae missing"),
        pytest.param(replace(EASY, invented=0.6), id="three false minutiae to five true ones"),
        pytest.param(replace(EASY, offset=45.0, contact=0.7), id="another part of the finger"),
        pytest.param(replace(EASY, rotation=1.0), id="put down at any angle"),
        pytest.param(replace(EASY, position_error=3.0, angle_error=0.2), id="minutiae misplaced"),
    ],
)
def test_a_finger_captured_badly_in_one_way_is_still_found(gallery: FingerprintPack, conditions: Conditions) -> None:
    assert found_first(gallery, conditions) >= MATES - 1


@pytest.mark.parametrize(("minutiae", "least"), [(6, MATES * 2 // 3), (10, MATES - 1), (16, MATES)])
def test_a_fragment_is_found_the_more_often_the_larger_it_is(
    gallery: FingerprintPack, minutiae: int, least: int
) -> None:
    fragments = [central(SyntheticFinger(finger).impression(1), minutiae) for finger in range(MATES)]
    assert sum(first(gallery, fragment) == finger for finger, fragment in enumerate(fragments)) >= least


def four_side_by_side(first_finger: int, number: int) -> Minutiae:
    """A large print with the 200 or so minutiae of four fingers, as many as a rolled finger or a palm has."""
    whole = Conditions(contact=1.0, missed=0.05)
    parts = [SyntheticFinger(first_finger + place).impression(number, whole) for place in range(4)]
    corners = np.array([(0, 0), (420, 0), (0, 520), (420, 520)], np.float32)
    xy = [part.xy + corner for part, corner in zip(parts, corners, strict=True)]
    angle, kind = [part.angle for part in parts], [part.kind for part in parts]
    quality = [part.quality for part in parts]
    return Minutiae(np.concatenate(xy), np.concatenate(angle), np.concatenate(kind), np.concatenate(quality))


@pytest.fixture(scope="module")
def large_prints() -> FingerprintPack:
    """Row k holds fingers 4 k to 4 k + 3 side by side."""
    pack = FingerprintPack()
    for row in range(MATES):
        pack.add(template_of(four_side_by_side(4 * row, 0)))
    return pack


def captured_again(minutiae: Minutiae, seed: int) -> Minutiae:
    """The same print with one minutia in seven missed and the others a little misplaced."""
    rng = np.random.default_rng(seed)
    kept = only(minutiae, np.flatnonzero(rng.random(len(minutiae)) > 1 / 7))
    x, y = (np.clip(kept.xy[:, axis] + rng.normal(0, 2.5, len(kept)), 0, 4000) for axis in (0, 1))
    return on_grid(x, y, kept.angle + rng.normal(0, 0.12, len(kept)), kept.kind, kept.quality)


def test_prints_with_two_hundred_minutiae_are_told_apart(large_prints: FingerprintPack) -> None:
    prints = [four_side_by_side(4 * row, 0) for row in range(MATES)]
    assert np.mean([len(each) for each in prints]) == pytest.approx(200, abs=15)
    assert [first(large_prints, captured_again(each, row)) for row, each in enumerate(prints)] == list(range(MATES))


@pytest.mark.parametrize("place", range(4))
def test_one_finger_is_found_in_a_print_of_two_hundred_minutiae(large_prints: FingerprintPack, place: int) -> None:
    found = [first(large_prints, SyntheticFinger(4 * row + place).impression(1)) for row in range(MATES)]
    assert found == list(range(MATES))
