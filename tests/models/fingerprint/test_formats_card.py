"""The bare minutiae of smart cards: units, orders, the coordinate extension, and what is refused."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint.formats import Format, Record, RecordMinutia, convert, iso2005
from models.fingerprint.formats.card import MinutiaOrder, Sorting, read_compact, read_normal
from models.fingerprint.minutiae import normalise
from models.samples import Position
from tests.models.fingerprint.record_bytes import minutia_bytes

randoms = st.integers(0, 2**32 - 1).map(Random)
AXES = {Sorting.X_Y: ("x", "y"), Sorting.Y_X: ("y", "x")}


def normal_bytes(minutiae: list[RecordMinutia]) -> bytes:
    return b"".join(minutia_bytes(minutia, with_quality=False) for minutia in minutiae)


def compact_bytes(minutiae: list[RecordMinutia]) -> bytes:
    """Three octets a minutia; coordinates beyond 25.5 mm lose their carry, as on a card with coordinate extension."""
    return b"".join(bytes([m.x % 256, m.y % 256, m.kind << 6 | m.angle]) for m in minutiae)


def random_minutiae(random: Random, x: int, y: int, angle: int) -> list[RecordMinutia]:
    return [
        RecordMinutia(random.randrange(3), random.randrange(x), random.randrange(y), random.randrange(angle), 0)
        for _ in range(random.randint(1, 60))
    ]


def in_order(minutiae: list[RecordMinutia], order: MinutiaOrder) -> list[RecordMinutia]:
    first, second = AXES[order.sorting]
    return sorted(minutiae, key=lambda m: (getattr(m, first), getattr(m, second)), reverse=order.descending)


def minutiae_of(record: Record) -> list[RecordMinutia]:
    (view,) = record.views
    return list(view.minutiae)


orders = st.builds(MinutiaOrder, st.sampled_from([Sorting.X_Y, Sorting.Y_X]), st.booleans())


@given(randoms, orders)
def test_normal_size_is_read_in_either_order(random: Random, order: MinutiaOrder) -> None:
    minutiae = in_order(random_minutiae(random, 0x4000, 0x4000, 256), order)
    record = read_normal(normal_bytes(minutiae), Position.LEFT_THUMB, order)
    assert minutiae_of(record) == minutiae
    assert record == read_normal(normal_bytes(minutiae), Position.LEFT_THUMB)
    assert (record.format, record.angle_units) == (Format.ISO_2005_CARD_NORMAL, 256)
    assert record.sampling(record.views[0])[2:] == (1000, 1000)
    assert record.views[0].position is Position.LEFT_THUMB


@given(randoms, orders)
def test_compact_size_is_read_in_either_order(random: Random, order: MinutiaOrder) -> None:
    minutiae = in_order(random_minutiae(random, 256, 256, 64), order)
    record = read_compact(compact_bytes(minutiae), Position.LEFT_THUMB, order)
    assert minutiae_of(record) == minutiae
    assert record == read_compact(compact_bytes(minutiae), Position.LEFT_THUMB)
    assert (record.format, record.angle_units) == (Format.ISO_2005_CARD_COMPACT, 64)
    assert record.sampling(record.views[0])[2:] == (100, 100)


@given(randoms, st.sampled_from([Sorting.X_Y, Sorting.Y_X]), st.booleans())
def test_the_extended_coordinate_gets_its_carries_back(random: Random, sorting: Sorting, descending: bool) -> None:
    order = MinutiaOrder(sorting, descending, extension=True)
    long_x = sorting is Sorting.X_Y
    minutiae = random_minutiae(random, 700 if long_x else 256, 256 if long_x else 700, 64)
    # A finger reaches from edge to edge: no gap may be as wide as what the octet can count.
    minutiae += [RecordMinutia(1, *((at, 9) if long_x else (9, at)), 5, 0) for at in range(0, 700, 100)]
    minutiae = in_order(minutiae, order)
    assert minutiae_of(read_compact(compact_bytes(minutiae), order=order)) == minutiae


def test_octets_are_read_where_the_standard_puts_them() -> None:
    assert minutiae_of(read_normal(bytes.fromhex("47d0 0bb8 40 8001 0002 ff"))) == [
        RecordMinutia(1, 2000, 3000, 64, 0),
        RecordMinutia(2, 1, 2, 255, 0),
    ]
    assert minutiae_of(read_compact(bytes.fromhex("c8ff50 0102bf"))) == [
        RecordMinutia(1, 200, 255, 16, 0),
        RecordMinutia(2, 1, 2, 63, 0),
    ]


@pytest.mark.parametrize(
    ("octet", "order"),
    [
        (0x00, MinutiaOrder()),
        (0x05, MinutiaOrder(Sorting.X_Y)),
        (0x06, MinutiaOrder(Sorting.X_Y, descending=True)),
        (0x09, MinutiaOrder(Sorting.Y_X)),
        (0x0A, MinutiaOrder(Sorting.Y_X, descending=True)),
        (0x0D, MinutiaOrder(Sorting.ANGLE)),
        (0x12, MinutiaOrder(Sorting.POLAR, descending=True)),
        (0x29, MinutiaOrder(Sorting.Y_X, extension=True)),
    ],
)
def test_the_order_octet_is_decoded(octet: int, order: MinutiaOrder) -> None:
    assert MinutiaOrder.from_octet(octet) == order


@pytest.mark.parametrize("octet", [0x01, 0x02, 0x03, 0x04, 0x07, 0x15, 0x20, 0x2D, 0x45, 0x85, 0x105, -1])
def test_reserved_orders_are_not_supported(octet: int) -> None:
    with pytest.raises(UnsupportedTemplate):
        MinutiaOrder.from_octet(octet)


@pytest.mark.parametrize(
    ("sorting", "descending", "ascending_is_right"),
    [(Sorting.X_Y, False, True), (Sorting.X_Y, True, False), (Sorting.ANGLE, False, True), (Sorting.POLAR, True, True)],
)
def test_minutiae_out_of_the_declared_order_are_refused(
    sorting: Sorting, descending: bool, ascending_is_right: bool
) -> None:
    rising = [RecordMinutia(1, at, 9 - at, at, 0) for at in range(5)]
    order = MinutiaOrder(sorting, descending)
    for data, read, size in ((normal_bytes(rising), read_normal, 5), (compact_bytes(rising), read_compact, 3)):
        if ascending_is_right:
            assert minutiae_of(read(data, order=order)) == rising
        else:
            with pytest.raises(MalformedTemplate, match="order by x_y") as caught:
                read(data, order=order)
            assert caught.value.offset == size


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (b"", 0, "not 0"),
        (bytes(15 * 256), 0, "not (768|1280)"),
        (bytes(16), 15, "1 bytes are left"),
        (b"\xc0\xc0\xc0\xc0\xc0" * 3, 0, "type 3"),
        (bytes(15) + b"\x01\x02\xff" * 5, 15, "type 3|reserved bits"),
    ],
)
def test_what_is_no_list_of_minutiae_is_refused(data: bytes, offset: int, reason: str) -> None:
    for read in (read_normal, read_compact):
        with pytest.raises(MalformedTemplate, match=reason) as caught:
            read(data)
        assert offset <= caught.value.offset <= offset + 7


def test_an_extension_without_end_is_refused() -> None:
    order = MinutiaOrder(Sorting.X_Y, extension=True)
    with pytest.raises(MalformedTemplate, match="14 bits"):
        read_compact(b"\1\0\0\0\0\0" * 80, order=order)


@given(st.binary(max_size=800), st.integers(0, 63))
def test_any_bytes_are_read_or_refused_by_the_format(data: bytes, octet: int) -> None:
    for read in (read_normal, read_compact):
        try:
            record = read(data, order=MinutiaOrder.from_octet(octet))
        except (MalformedTemplate, UnsupportedTemplate):
            continue
        assert len(record.views[0].minutiae) * (5 if read is read_normal else 3) == len(data)


def test_both_sizes_tell_of_the_same_finger() -> None:
    """Within what their steps and the grid of the record allow: 0.1 mm are 2 pixels at 500 dpi."""
    tenths = [RecordMinutia(1, 50, 60, 16, 0), RecordMinutia(2, 120, 200, 48, 0)]
    hundredths = [m._replace(x=10 * m.x, y=10 * m.y, angle=4 * m.angle) for m in tenths]
    seen = []
    for card in (read_compact(compact_bytes(tenths)), read_normal(normal_bytes(hundredths))):
        record = iso2005.read_record(iso2005.write_record(convert.to_iso2005(card)))
        assert record.views[0].minutiae[0].angle == 64
        seen.append(normalise(record.views[0], record.x_resolution, record.y_resolution, record.angle_units))
    np.testing.assert_allclose(seen[0].xy, seen[1].xy, atol=0.1)
    np.testing.assert_allclose(seen[0].xy, np.array([[5, 6], [12, 20]]) * 19.7, atol=0.1)
    np.testing.assert_array_equal(seen[0].angle, seen[1].angle)
