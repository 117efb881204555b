from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from models.fingerprint.minutiae import Minutiae, on_grid
from models.fingerprint.synthetic import SyntheticFinger
from models.fingerprint.vector import LENGTH, STEPS, vector_of


def likeness(a: NDArray[np.int8], b: NDArray[np.int8]) -> float:
    return float(a.astype(int) @ b.astype(int)) / STEPS**2


def moved(minutiae: Minutiae, turn: float, shift: tuple[float, float]) -> Minutiae:
    """Turned counter-clockwise about the middle of the scanner, y downwards, then shifted."""
    cosine, sine = np.cos(turn), np.sin(turn)
    x, y = (minutiae.xy - (200, 250)).T
    placed_x, placed_y = cosine * x + sine * y + 800 + shift[0], cosine * y - sine * x + 800 + shift[1]
    return on_grid(placed_x, placed_y, minutiae.angle + turn, minutiae.kind, minutiae.quality)


def some(minutiae: Minutiae, chosen: slice) -> Minutiae:
    return Minutiae(minutiae.xy[chosen], minutiae.angle[chosen], minutiae.kind[chosen], minutiae.quality[chosen])


def test_impressions_of_one_finger_are_more_alike_than_those_of_any_other() -> None:
    first = [vector_of(SyntheticFinger(finger).impression(0)) for finger in range(40)]
    second = [vector_of(SyntheticFinger(finger).impression(1)) for finger in range(40)]
    table = np.array([[likeness(a, b) for b in second] for a in first])
    assert (table.argmax(axis=1) == np.arange(40)).all()
    assert np.diag(table).mean() > 0.6
    assert np.median(table[~np.eye(40, dtype=bool)]) < 0.3


@pytest.mark.parametrize("turn", [0.3, 2.0, np.pi])
def test_neither_rotation_nor_shift_changes_a_vector(turn: float) -> None:
    minutiae = SyntheticFinger(3).impression(0)
    assert likeness(vector_of(minutiae), vector_of(moved(minutiae, turn, (37.0, -51.5)))) > 0.99


def test_the_order_of_the_minutiae_does_not_matter() -> None:
    minutiae = SyntheticFinger(3).impression(0)
    assert likeness(vector_of(minutiae), vector_of(some(minutiae, slice(None, None, -1)))) > 0.99


@pytest.mark.parametrize("count", [3, 10, 40])
def test_a_vector_is_of_one_length_whatever_the_number_of_minutiae(count: int) -> None:
    vector = vector_of(some(SyntheticFinger(3).impression(0), slice(count)))
    assert vector.dtype == np.int8
    assert vector.shape == (LENGTH,)
    assert likeness(vector, vector) == pytest.approx(1, abs=0.05)


def test_too_few_minutiae_have_no_vector() -> None:
    assert not vector_of(some(SyntheticFinger(3).impression(0), slice(2))).any()


def test_the_most_minutiae_that_a_template_holds_give_a_vector() -> None:
    rng = np.random.default_rng(0)
    codes = np.zeros(255, np.uint8)
    crowd = on_grid(rng.uniform(0, 400, 255), rng.uniform(0, 500, 255), rng.uniform(0, 6, 255), codes, codes)
    assert vector_of(crowd).any()


def test_threads_give_the_vectors_that_one_gives() -> None:
    impressions = [SyntheticFinger(finger).impression(0) for finger in range(8)]
    expected = [vector_of(minutiae) for minutiae in impressions]
    with ThreadPoolExecutor(3) as pool:
        found = [*pool.map(vector_of, impressions * 3)]
    assert (np.array(found) == np.array(expected * 3)).all()
