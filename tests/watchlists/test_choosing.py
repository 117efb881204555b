"""Which slots and rows a search may look at: exactly those of what is visible, whatever other searches look at."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from numpy.typing import NDArray

from watchlists.gallery.choosing import chosen
from watchlists.gallery.faces import SEGMENT, FaceIndex

DIMENSION = 4


def axes(count: int) -> NDArray[np.float32]:
    """As many vectors, the same four over and over."""
    return np.eye(DIMENSION, dtype=np.float32)[np.arange(count) % DIMENSION]


def found(index: FaceIndex, visible: NDArray[np.bool_]) -> set[int]:
    return index.at_least(0.5, np.eye(DIMENSION, dtype=np.float32), index.select(visible))


@pytest.mark.parametrize("owners", [0, 1, 7, 8, 9, 5000])
def test_a_place_is_chosen_as_its_owner_is(owners: int) -> None:
    generator = np.random.default_rng(owners)
    allowed = generator.random(owners) < 0.5
    places = generator.integers(-1, max(owners, 1), 3000).astype(np.int32)
    expected = [0 <= owner < owners and bool(allowed[owner]) for owner in places.tolist()]
    assert chosen(allowed, places).tolist() == expected


def test_no_place_of_a_number_that_there_is_not_is_chosen() -> None:
    everybody, far = np.ones(3, np.bool_), np.iinfo(np.int32)
    assert chosen(everybody, np.array([3, -1, far.max, far.min, 2], np.int32)).tolist() == [False] * 4 + [True]


def test_a_selection_stays_as_it_is_while_others_come_and_go() -> None:
    index, entries = FaceIndex(DIMENSION), 2 * SEGMENT
    index.add(axes(entries), range(entries))
    even = np.arange(entries) % 2 == 0
    few = np.zeros(entries, np.bool_)
    few[[1, SEGMENT - 1]] = True
    kept = index.select(few)
    for _ in range(12):
        assert found(index, even) == set(range(0, entries, 2))
        assert found(index, ~even) == set(range(1, entries, 2))
        assert found(index, np.zeros(entries, np.bool_)) == set()
        gc.collect()
    assert kept.count == 2
    assert [each is None for each in kept.parameters].count(True) == 1  # both lie in one segment
    assert index.at_least(0.5, np.eye(DIMENSION, dtype=np.float32), kept) == {1, SEGMENT - 1}


def test_what_came_and_went_since_the_last_selection_counts() -> None:
    index = FaceIndex(DIMENSION)
    slots = index.add(axes(10), range(10))
    assert found(index, np.ones(10, np.bool_)) == set(range(10))
    for slot in slots[::2]:
        index.remove(slot)
    assert found(index, np.ones(10, np.bool_)) == {1, 3, 5, 7, 9}
    more = SEGMENT + 5
    index.add(axes(more), range(10, 10 + more))  # into freed slots, and into a second segment
    assert found(index, np.ones(10 + more, np.bool_)) == {1, 3, 5, 7, 9, *range(10, 10 + more)}
    selection = index.select(np.arange(10 + more) >= 10)
    assert (selection.count, len(selection.parameters)) == (more, 2)
