"""What all record formats share: finger positions, minutiae and the extended data block behind them."""

from __future__ import annotations

import struct

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint.formats.reader import Reader
from models.fingerprint.formats.record import NOT_REPORTED, RecordMinutia, Sampling, View
from models.samples import Position

GROUPS = frozenset({13, 14, 15, *range(40, 51)})
"""Position codes of several fingers in one image (INCITS 378-2009 amendment 1; ISO/IEC 19794-2:2011)."""

_PALMS = range(20, 39)  # ANSI/NIST-ITL friction ridge positions; no finger minutiae edition defines them
_MINUTIA = struct.Struct(">HHBB")  # type and x, reserved and y, angle, quality
_MINUTIA_WITHOUT_QUALITY = struct.Struct(">HHB")
_EXTENDED = struct.Struct(">H")
_COORDINATE = 0x3FFF


def read_position(code: int, offset: int, *, groups: bool) -> tuple[Position, int]:
    """Return the finger of a position code and, if it is a group of fingers, the code of the group, else 0.

    Args:
        code: as recorded.
        offset: where.
        groups: whether the edition knows groups of fingers.

    Raises:
        MalformedTemplate: the edition does not know the code.
        UnsupportedTemplate: the code is of a palm.
    """
    if code <= Position.LEFT_LITTLE.code:
        return Position.from_code(code), 0
    if groups and code in GROUPS:
        return Position.UNKNOWN, code
    if code in _PALMS:
        raise UnsupportedTemplate(f"position code {code} is of a palm; only fingers are compared")
    known = "between 0 and 10" + (" nor that of a group of fingers" if groups else "")
    raise MalformedTemplate(offset, f"finger position code {code} is not {known}")


def check_sampling(sampling: Sampling, resolution_offset: int) -> None:
    """Make sure that the resolutions, two octets each from `resolution_offset` on, are not zero.

    Raises:
        MalformedTemplate: one is.
    """
    if sampling.x_resolution == 0 or sampling.y_resolution == 0:
        raise MalformedTemplate(resolution_offset + (2 if sampling.x_resolution else 0), "the resolution is zero")


def read_minutiae(
    reader: Reader, count: int, sampling: Sampling, *, with_quality: bool = True
) -> tuple[RecordMinutia, ...]:
    """Read `count` minutiae; the octet before the cursor is the one that claims them.

    Raises:
        MalformedTemplate: there are fewer, or one is impossible.
    """
    layout = _MINUTIA if with_quality else _MINUTIA_WITHOUT_QUALITY
    if count * layout.size > reader.remaining:
        raise MalformedTemplate(reader.offset - 1, f"{count} minutiae are claimed, more than the record has room for")
    start = reader.offset
    block = reader.take(count * layout.size, "the minutiae")
    fields = enumerate(layout.iter_unpack(block))
    return tuple(_minutia(values, start + index * layout.size, sampling) for index, values in fields)


def _minutia(values: tuple[int, ...], offset: int, sampling: Sampling) -> RecordMinutia:
    kind_and_x, y, angle = values[:3]
    kind, x = kind_and_x >> 14, kind_and_x & _COORDINATE
    if kind == 3:
        raise MalformedTemplate(offset, "minutia type 3 is reserved")
    if y > _COORDINATE:
        raise MalformedTemplate(offset + 2, "the reserved bits of a minutia are set")
    if sampling.width and x >= sampling.width:
        raise MalformedTemplate(offset, "a minutia lies outside the width of the image")
    if sampling.height and y >= sampling.height:
        raise MalformedTemplate(offset + 2, "a minutia lies outside the height of the image")
    return RecordMinutia(kind, x, y, angle, values[3] if len(values) > 3 else NOT_REPORTED)


def read_extended(reader: Reader) -> bytes:
    """Return the extended data block at the cursor uninterpreted: its own length decides where it ends.

    Raises:
        MalformedTemplate: the length is not all there, or claims more than is left.
    """
    offset = reader.offset
    (length,) = reader.unpack(_EXTENDED, "the length of the extended data")
    if length > reader.remaining:
        raise MalformedTemplate(offset, f"{length} bytes of extended data are claimed, more than the record has")
    return reader.take(length, "the extended data")


def write_minutiae(view: View, *, with_quality: bool = True) -> bytes:
    """Write number of minutiae, minutiae and extended data block of a view.

    Raises:
        ValueError: a value does not fit its field.
    """
    parts = [bytes([fits(len(view.minutiae), 8, "number of minutiae")])]
    for minutia in view.minutiae:
        if not 0 <= minutia.kind <= 2:
            raise ValueError("a minutia type is not 0, 1 or 2")
        kind_and_x = minutia.kind << 14 | fits(minutia.x, 14, "x")
        fields = [kind_and_x, fits(minutia.y, 14, "y"), fits(minutia.angle, 8, "angle")]
        if with_quality:
            parts.append(_MINUTIA.pack(*fields, fits(minutia.quality, 8, "minutia quality")))
        elif minutia.quality == NOT_REPORTED:
            parts.append(_MINUTIA_WITHOUT_QUALITY.pack(*fields))
        else:
            raise ValueError("the quality of a minutia has no field to fit in")
    return b"".join([*parts, _EXTENDED.pack(fits(len(view.extended), 16, "extended data length")), view.extended])


def fits(value: int, bits: int, name: str) -> int:
    """Return `value` if an unsigned field of `bits` bits holds it.

    Raises:
        ValueError: it does not; `name` says what of.
    """
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{name} does not fit {bits} bits")
    return value


def check_views(views: tuple[View, ...], most: int) -> None:
    """Make sure that a record has 1 to `most` views.

    Raises:
        ValueError: it has not.
    """
    if not 1 <= len(views) <= most:
        raise ValueError(f"a record holds 1 to {most} finger views, not {len(views)}")


def check_written_sampling(sampling: Sampling) -> None:
    """Make sure that size and resolution can be written and will be read again.

    Raises:
        ValueError: one does not fit 16 bits, or a resolution is zero.
    """
    for name, value in zip(Sampling._fields, sampling, strict=True):
        fits(value, 16, name)
    if sampling.x_resolution == 0 or sampling.y_resolution == 0:
        raise ValueError("a resolution of zero does not fit any image")
