"""Probes that wait in memory: bounded in time, number and bytes, whatever was found."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.probe_parts import PART, noise, open_probe, pack_probe, seal_probe, unpack_probe
from service.probe_shelf import IN_USE, MOST, WAIT, HeldProbe, Probe, ProbeShelf
from watchlists.errors import SealBroken
from watchlists.sealing import sealed_size

KIBIBYTE = b"image " * 171


class Seconds:
    """A clock that tests can turn."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def held(number: int, image: bytes | None = KIBIBYTE) -> HeldProbe:
    return HeldProbe(UUID(int=number), "xa", datetime(2026, 1, 1, tzinfo=UTC), Probe(image), None)


def numbers(shelf: ProbeShelf) -> list[int]:
    return [each.flag_id.int for each in shelf.waiting()]


def fingers() -> tuple[FingerTemplate, ...]:
    record = synthetic_template(1, 0, Position.RIGHT_INDEX)
    return encode_fingerprint(record, Position.RIGHT_INDEX).templates


def test_what_waits_is_forgotten_on_demand_and_after_its_time() -> None:
    clock = Seconds()
    shelf = ProbeShelf(10**6, clock)
    shelf.hold(held(1))
    clock.now += 1
    shelf.hold(held(2))
    shelf.hold(held(3))
    assert numbers(shelf) == [1, 2, 3]
    shelf.forget([UUID(int=2), UUID(int=9)])
    assert numbers(shelf) == [1, 3]
    clock.now += WAIT - 1
    assert numbers(shelf) == [3]


def test_it_is_in_use_for_a_while_after_each_check_whatever_became_of_the_probe() -> None:
    clock = Seconds()
    for shelf in (ProbeShelf(10**6, clock), ProbeShelf(0, clock)):
        in_use = [shelf.is_in_use]
        shelf.hold(held(1))
        shelf.forget([UUID(int=1)])
        for seconds in (IN_USE - 0.1, 0.2):
            clock.now += seconds
            in_use.append(shelf.is_in_use)
        assert in_use == [False, True, False]


def test_the_oldest_goes_where_there_is_no_room() -> None:
    shelf = ProbeShelf(3 * len(KIBIBYTE))
    for number in range(5):
        shelf.hold(held(number))
    assert numbers(shelf) == [2, 3, 4]
    shelf.forget([UUID(int=2)])
    shelf.hold(held(5))
    assert numbers(shelf) == [3, 4, 5]


def test_one_that_is_too_large_and_all_where_there_is_no_room_at_all_are_not_held() -> None:
    shelf = ProbeShelf(len(KIBIBYTE))
    shelf.hold(held(1, 2 * KIBIBYTE))
    assert numbers(shelf) == []
    shelf.hold(held(2))
    assert numbers(shelf) == [2]
    none = ProbeShelf(0)
    none.hold(held(1))
    assert numbers(none) == []


def test_minutiae_count_and_so_does_the_number() -> None:
    assert Probe(None, fingers()).size > 1000
    shelf = ProbeShelf(10**9)
    for number in range(MOST + 3):
        shelf.hold(held(number, b""))
    assert len(numbers(shelf)) == MOST
    assert numbers(shelf)[0] == 3


@pytest.mark.parametrize("image", [None, b"", KIBIBYTE])
def test_a_packed_probe_comes_back(image: bytes | None) -> None:
    probe = Probe(image, fingers())
    packed = pack_probe(probe)
    assert unpack_probe(packed) == probe
    for length in (*range(20), len(packed) - 1):
        with pytest.raises(ValueError, match=r"stored|kept"):
            unpack_probe(packed[:length])


def test_noise_is_as_long_as_a_part_and_other_than_before() -> None:
    some = {noise() for _ in range(20)}
    assert {len(each) for each in some} == {sealed_size(PART)}
    assert len(some) >= 19


@pytest.mark.parametrize(("size", "parts"), [(0, 1), (PART - 400, 1), (PART, 2), (3 * PART, 4)])
def test_parts_are_of_one_size_and_open_in_their_order_alone(size: int, parts: int) -> None:
    probe = Probe(bytes(size))
    sealed = seal_probe(probe, "flag")
    assert [len(part) for part in sealed.parts] == [sealed_size(PART)] * parts
    assert open_probe(sealed.key, sealed.parts, "flag") == probe
    for wrong, flag in (
        (sealed.parts[:-1], "flag"),
        (sealed.parts[::-1] + sealed.parts[:1], "flag"),
        (sealed.parts, "other"),
    ):
        with pytest.raises(SealBroken):
            open_probe(sealed.key, wrong, flag)
