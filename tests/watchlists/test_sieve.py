from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from watchlists.gallery.faces import SEGMENT, FaceIndex
from watchlists.gallery.sieve import MOST, RoundedProbes, Sieve

DIMENSION = 64


def directions(count: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def filled(vectors: NDArray[np.float32]) -> Sieve:
    sieve = Sieve(DIMENSION, len(vectors))
    sieve.put(np.arange(len(vectors)), vectors)
    return sieve


@pytest.mark.parametrize("length", [1.0, 0.01, 40.0])
def test_whatever_is_alike_comes_through(length: float) -> None:
    """Also where values do not fit into a byte, or are lost in its rounding."""
    vectors, probes = directions(500, 1) * np.float32(length), directions(40, 2)
    sieve = filled(vectors)
    for probe in probes:
        products = vectors @ probe
        for threshold in np.sort(products)[[-1, -3, -8]]:
            found = sieve.at_least(float(threshold), RoundedProbes.of(probe[None]), None)
            assert found is None or set(np.flatnonzero(products >= threshold)) <= set(found.tolist())


def test_little_else_comes_through() -> None:
    vectors = directions(5000, 3)
    found = filled(vectors).at_least(0.9, RoundedProbes.of(vectors[7:8]), None)
    assert found is not None
    assert found.tolist() == [7]


def test_a_crowd_is_said_to_be_one() -> None:
    vectors = np.repeat(directions(1, 4), MOST + 1, axis=0)
    assert filled(vectors).at_least(0.5, RoundedProbes.of(vectors[:1]), None) is None


def test_what_was_overwritten_is_gone() -> None:
    vectors = directions(30, 5)
    sieve = filled(vectors)
    sieve.put(7, np.zeros((1, DIMENSION), np.float32))
    found = sieve.at_least(0.9, RoundedProbes.of(vectors[7:8]), None)
    assert found is not None
    assert len(found) == 0


def test_an_index_finds_a_crowd_and_a_lone_one_alike() -> None:
    index, crowd, others = FaceIndex(DIMENSION), directions(1, 6), directions(400, 7)
    index.add(others, range(400))
    index.add(np.repeat(crowd, 50, axis=0), range(400, 450))
    everybody = index.select(np.ones(450, np.bool_))
    assert len(everybody.parameters) == 1 < SEGMENT
    assert index.at_least(0.95, crowd, everybody) == set(range(400, 450))
    assert index.at_least(0.95, others[3:4], everybody) == {3}
    assert index.at_least(0.95, np.concatenate([crowd, others[5:6]]), everybody) == {5, *range(400, 450)}
