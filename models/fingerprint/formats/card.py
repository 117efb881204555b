"""Minutiae as smart cards hold them: the card formats of ISO/IEC 19794-2:2005 (clause 8), normal and compact size.

They are bare minutiae without any header, so nothing in them tells what they are: the caller says so by the function it
calls, and passes on what the card's biometric information template says. Coordinates are in hundredths (normal) or
tenths (compact) of a millimetre, which makes resolutions of 1000 and 100 "pixels" per centimetre.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint.formats.body import read_minutiae
from models.fingerprint.formats.reader import Reader
from models.fingerprint.formats.record import Format, Record, RecordMinutia, Sampling, View
from models.samples import Position

NORMAL_RESOLUTION, COMPACT_RESOLUTION = 1000, 100

_NORMAL_SIZE = 5
_COMPACT = struct.Struct(">BBB")  # x, y, type and angle
_MOST_MINUTIAE = 255
_MOST = 0x3FFF


class Sorting(IntEnum):
    """By what a card wants its minutiae sorted (bits 3 to 5 of the minutia order octet)."""

    NONE = 0
    X_Y = 1
    Y_X = 2
    ANGLE = 3
    POLAR = 4


@dataclass(frozen=True, slots=True)
class MinutiaOrder:
    """The minutia order of a card's biometric information template (tag 82 of its algorithm parameters).

    Attributes:
        sorting: sort key. X-Y and Y-X sort by the first coordinate, then by the other; polar is by the distance from
            the centre of mass and cannot be checked after rounding.
        descending: largest first.
        extension: compact size only, X-Y or Y-X only: the coordinate sorted by is stored modulo 256, so that it may
            exceed 25.5 mm; every step against the order is a carry.
    """

    sorting: Sorting = Sorting.NONE
    descending: bool = False
    extension: bool = False

    def __post_init__(self) -> None:
        if self.extension and self.sorting not in (Sorting.X_Y, Sorting.Y_X):
            raise UnsupportedTemplate("the coordinate extension of a card needs minutiae sorted by x or y")

    @classmethod
    def from_octet(cls, octet: int) -> MinutiaOrder:
        """Decode the octet: bits 1-2 direction (1 ascending, 2 descending), 3-5 sorting, 6 extension.

        Raises:
            UnsupportedTemplate: a reserved combination.
        """
        direction, sorting = octet & 0x03, octet >> 2 & 0x07
        if octet & ~0x3F or direction == 3 or sorting > Sorting.POLAR or (direction == 0) != (sorting == 0):
            raise UnsupportedTemplate(f"minutia order {octet:#04x} is reserved")
        return cls(Sorting(sorting), direction == 2, bool(octet & 0x20))


def read_normal(
    unverified_minutiae: bytes, position: Position = Position.UNKNOWN, order: MinutiaOrder | None = None
) -> Record:
    """Read minutiae of normal size: 5 octets each, coordinates in units of 0.01 mm, angles in 360/256 degrees.

    Args:
        unverified_minutiae: the value of the card's finger minutiae data object, without tag and length.
        position: the finger, which the card's biometric information template knows.
        order: in which the minutiae are; None for any. An extension means nothing here.

    Raises:
        MalformedTemplate: no whole number of minutiae, none, more than 255, or not in the order.
    """
    count = _count(unverified_minutiae, _NORMAL_SIZE)
    minutiae = read_minutiae(Reader(unverified_minutiae), count, Sampling(0, 0, 0, 0), with_quality=False)
    minutiae = tuple(minutia._replace(quality=0) for minutia in minutiae)
    _check_order(minutiae, order or MinutiaOrder(), _NORMAL_SIZE)
    return _record(minutiae, position, NORMAL_RESOLUTION, Format.ISO_2005_CARD_NORMAL)


def read_compact(
    unverified_minutiae: bytes, position: Position = Position.UNKNOWN, order: MinutiaOrder | None = None
) -> Record:
    """Read minutiae of compact size: 3 octets each, coordinates in units of 0.1 mm, angles in 360/64 degrees.

    Args:
        unverified_minutiae: the value of the card's finger minutiae data object, without tag and length.
        position: the finger, which the card's biometric information template knows.
        order: in which the minutiae are; None for any.

    Raises:
        MalformedTemplate: no whole number of minutiae, none, more than 255, or not in the order.
    """
    order = order or MinutiaOrder()
    _count(unverified_minutiae, _COMPACT.size)
    minutiae = tuple(_compact_minutiae(unverified_minutiae))
    if order.extension:
        minutiae = _extend(minutiae, order)
    else:
        _check_order(minutiae, order, _COMPACT.size)
    return _record(minutiae, position, COMPACT_RESOLUTION, Format.ISO_2005_CARD_COMPACT)


def _record(minutiae: tuple[RecordMinutia, ...], position: Position, resolution: int, found: Format) -> Record:
    view = View(position, number=0, impression=0, quality=0, minutiae=minutiae)
    return Record((view,), x_resolution=resolution, y_resolution=resolution, format=found)


def _count(data: bytes, size: int) -> int:
    count, rest = divmod(len(data), size)
    if rest:
        raise MalformedTemplate(count * size, f"{rest} bytes are left after {count} minutiae of {size} bytes")
    if not 1 <= count <= _MOST_MINUTIAE:
        raise MalformedTemplate(0, f"a card holds 1 to {_MOST_MINUTIAE} minutiae, not {count}")
    return count


def _compact_minutiae(data: bytes) -> Iterator[RecordMinutia]:
    for index, (x, y, kind_and_angle) in enumerate(_COMPACT.iter_unpack(data)):
        kind = kind_and_angle >> 6
        if kind == 3:
            raise MalformedTemplate(index * _COMPACT.size + 2, "minutia type 3 is reserved")
        yield RecordMinutia(kind, x, y, kind_and_angle & 0x3F, 0)


def _keys(minutiae: Iterable[RecordMinutia], sorting: Sorting) -> list[int]:
    field = {Sorting.X_Y: "x", Sorting.Y_X: "y", Sorting.ANGLE: "angle"}[sorting]
    return [getattr(minutia, field) for minutia in minutiae]


def _steps_back(keys: list[int], descending: bool) -> list[bool]:
    """Tell for each key whether it comes against the order after the one before it."""
    return [False, *(after > before if descending else after < before for before, after in pairwise(keys))]


def _check_order(minutiae: tuple[RecordMinutia, ...], order: MinutiaOrder, size: int) -> None:
    if order.sorting in (Sorting.NONE, Sorting.POLAR):
        return
    back = _steps_back(_keys(minutiae, order.sorting), order.descending)
    if any(back):
        raise MalformedTemplate(back.index(True) * size, f"a minutia breaks the order by {order.sorting.name.lower()}")


def _extend(minutiae: tuple[RecordMinutia, ...], order: MinutiaOrder) -> tuple[RecordMinutia, ...]:
    """Give the sorted coordinate back its carries; descending order starts with all of them."""
    keys = _keys(minutiae, order.sorting)
    back = _steps_back(keys, order.descending)
    carry = sum(back) if order.descending else 0
    extended = []
    for index, (minutia, key) in enumerate(zip(minutiae, keys, strict=True)):
        if back[index]:
            carry += -1 if order.descending else 1
        coordinate = key + 256 * carry
        if coordinate > _MOST:
            raise MalformedTemplate(index * _COMPACT.size, "the coordinate extension leads beyond 14 bits")
        axis = {"x": coordinate} if order.sorting is Sorting.X_Y else {"y": coordinate}
        extended.append(minutia._replace(**axis))
    return tuple(extended)
