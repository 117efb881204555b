"""A glance at the ends of vectors misses nobody, and leaves few where much likeness is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.fingerprint.block_sums import LANES, sums_of_block
from models.fingerprint.compiler import kernel
from watchlists.gallery.faces import FaceIndex
from watchlists.gallery.glance import END, MOST, Glance, ProbeEnds

DIMENSION = 4 * END
ALL = np.full(1000, 255, np.uint8)


def directions(count: int, seed: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def filled(vectors: NDArray[np.float32]) -> Glance:
    glance = Glance(len(vectors))
    glance.put(np.arange(len(vectors)), vectors)
    return glance


@pytest.mark.parametrize("dimension", [1, END - 1, END, END + 1, DIMENSION])
@pytest.mark.parametrize("length", [1.0, 0.01, 40.0])
def test_whatever_is_alike_is_found(dimension: int, length: float) -> None:
    """Also where values do not fit into a byte, or are lost in its rounding, or there are fewer than an end has."""
    vectors, probes = directions(500, 1, dimension) * np.float32(length), directions(40, 2, dimension)
    glance = filled(vectors)
    for probe in probes:
        products = vectors @ probe
        for threshold in np.sort(products)[[-1, -3, -8]]:
            found = glance.at_least(float(threshold), ProbeEnds.of(probe[None]), ALL)
            assert found is None or set(np.flatnonzero(products >= threshold)) <= set(found.tolist())


def test_alike_pairs_are_found_where_the_ends_say_nothing() -> None:
    """Each pair is as alike as it can be with such ends: the bound is reached."""
    vectors = directions(300, 3)
    vectors[:, -END:] *= np.float32(0.05)
    probes = vectors.copy()
    probes[:, -END:] *= -1
    glance = filled(vectors)
    for number, (vector, probe) in enumerate(zip(vectors, probes, strict=True)):
        found = glance.at_least(float(vector @ probe), ProbeEnds.of(probe[None]), ALL)
        assert found is None or number in found


def test_little_else_is_found_where_much_likeness_is_asked_for() -> None:
    vectors = directions(5000, 4)
    found = filled(vectors).at_least(0.88, ProbeEnds.of(vectors[7:8]), ALL)
    assert found is not None
    assert found.tolist() == [7]


def test_only_slots_that_are_allowed_are_looked_at() -> None:
    vectors = directions(16, 5)
    glance, ends = filled(vectors), ProbeEnds.of(vectors[[3, 12]])
    for allowed, expected in (((255, 255), [3, 12]), ((255, 0), [3]), ((0, 255), [12]), ((255 - 8, 255 - 16), [])):
        found = glance.at_least(0.9, ends, np.array(allowed, np.uint8))
        assert found is not None
        assert found.tolist() == expected


def test_more_than_are_looked_at_one_by_one_are_said_to_be_too_many() -> None:
    vectors = np.repeat(directions(1, 6), MOST + 1, axis=0)
    ends = ProbeEnds.of(vectors[:1])
    assert filled(vectors).at_least(0.9, ends, ALL) is None
    found = filled(vectors[:MOST]).at_least(0.9, ends, ALL)
    assert found is not None
    assert found.tolist() == list(range(MOST))


def test_what_was_overwritten_is_gone() -> None:
    vectors = directions(30, 7)
    glance = filled(vectors)
    glance.put(7, np.zeros((1, DIMENSION), np.float32))
    found = glance.at_least(0.9, ProbeEnds.of(vectors[7:8]), ALL)
    assert found is not None
    assert len(found) == 0


@pytest.mark.parametrize("similarity", [0.95, 0.5, 0.2])
def test_an_index_finds_the_same_at_every_likeness(similarity: float) -> None:
    vectors, probes = directions(3000, 8), directions(3, 9)
    vectors[100] = probes[0]
    index = FaceIndex(DIMENSION)
    index.add(vectors, range(len(vectors)))
    found = index.at_least(similarity, probes, index.select(np.ones(len(vectors), np.bool_)))
    assert found == set(np.flatnonzero((vectors @ probes.T >= similarity).any(axis=1)).tolist())


@pytest.mark.parametrize("length", [1, 2, 31, 96])
def test_the_products_of_a_block_are_exact(length: int) -> None:
    generator = np.random.default_rng(length)
    vectors = generator.integers(-128, 128, (3 * LANES, length), np.int8)
    vectors[0], vectors[1] = 127, -128
    probes = vectors[[0, 1, 50]].astype(np.float32)
    blocks = np.ascontiguousarray(vectors.reshape(3, LANES, length).transpose(0, 2, 1))
    sums = sums_of_block(length)

    @kernel
    def products(blocks: NDArray[np.int8], probes: NDArray[np.float32], found: NDArray[np.float32]) -> None:
        for probe in range(len(probes)):
            for block in range(len(blocks)):
                sums(blocks, block, probes, probe, found[probe, block])

    found = np.empty((3, 3, LANES), np.float32)
    products(blocks, probes, found)
    assert found.reshape(3, -1).tolist() == (probes.astype(int) @ vectors.T.astype(int)).tolist()


@pytest.mark.parametrize("length", [0, 1025])
def test_vectors_whose_sums_would_not_be_exact_have_none(length: int) -> None:
    with pytest.raises(ValueError, match="no exact sums"):
        sums_of_block(length)


@pytest.mark.parametrize("slots", [1, 8, LANES - 1, LANES, LANES + 9, 100])
def test_there_is_nothing_behind_the_last_slot(slots: int) -> None:
    vectors = directions(slots, 12)
    found = filled(vectors).at_least(-2.0, ProbeEnds.of(vectors[:1]), ALL)
    assert found is not None
    assert found.tolist() == list(range(slots))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_all_allowed_slots_that_are_alike_are_found_however_many_are_allowed(share: float) -> None:
    vectors = directions(4096, 6)
    allowed = np.random.default_rng(7).random(4096) < share
    bits = np.packbits(allowed, bitorder="little")
    glance = filled(vectors)
    for number in range(0, 4096, 67):
        found = glance.at_least(0.88, ProbeEnds.of(vectors[number : number + 1]), bits)
        assert found is not None
        assert allowed[found].all()
        assert (number in found) == allowed[number]
