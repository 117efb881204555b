"""Finger minutiae records of ISO/IEC 19794-2:2005, record format (clause 7).

Reading is strict where a lie could hurt: every length is checked before it is used, and values that the comparison uses
must be possible. Extended data is skipped by the length of its block and not interpreted.
"""

from __future__ import annotations

import struct

from models.errors import MalformedTemplate
from models.fingerprint.formats.record import Record, RecordMinutia, View
from models.samples import Position

MAGIC = b"FMR\x00 20\x00"
ANGLE_UNITS = 256
"""Angle units a turn (7.4.2.3: 360/256 degrees each)."""

_HEADER = struct.Struct(">8sIHHHHHBB")  # magic, length, equipment, width, height, resolutions, views, reserved
_VIEW = struct.Struct(">BBBB")  # position, view number and impression type, quality, number of minutiae
_MINUTIA = struct.Struct(">HHBB")  # type and x, reserved and y, angle, quality
_EXTENDED = struct.Struct(">H")
_LENGTH_OFFSET, _X_RESOLUTION_OFFSET, _Y_RESOLUTION_OFFSET, _VIEWS_OFFSET = 8, 18, 20, 22
_COORDINATE = 0x3FFF


def read_record(unverified_template: bytes) -> Record:
    """Read a record; zero padding after its end is accepted, any other trailing byte is not.

    Raises:
        MalformedTemplate: with the offset of the first wrong field and the reason.
    """
    data = unverified_template
    if len(data) < _HEADER.size:
        raise MalformedTemplate(len(data), f"the header takes {_HEADER.size} bytes, the record has {len(data)}")
    magic, length, equipment, width, height, x_resolution, y_resolution, count, _ = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise MalformedTemplate(0, "the format identifier and version are not 'FMR' and ' 20'")
    _check_length(data, length)
    if x_resolution == 0 or y_resolution == 0:
        raise MalformedTemplate(
            _Y_RESOLUTION_OFFSET if x_resolution else _X_RESOLUTION_OFFSET, "the resolution is zero"
        )
    if count == 0:
        raise MalformedTemplate(_VIEWS_OFFSET, "the record has no finger view")
    views = []
    offset = _HEADER.size
    for _ in range(count):
        view, offset = _read_view(data, offset, length, width, height)
        views.append(view)
    if offset != length and any(data[offset:length]):
        raise MalformedTemplate(offset, f"{length - offset} bytes follow the last finger view")
    return Record(tuple(views), width, height, x_resolution, y_resolution, equipment >> 12, equipment & 0xFFF)


def write_record(record: Record) -> bytes:
    """Write a record; `read_record` gives it back exactly.

    Raises:
        ValueError: a value does not fit its field.
    """
    if not 1 <= len(record.views) <= 255:
        raise ValueError(f"a record holds 1 to 255 finger views, not {len(record.views)}")
    body = b"".join(_write_view(view) for view in record.views)
    equipment = _fits(record.certification, 4, "certification") << 12 | _fits(record.device, 12, "device")
    try:
        header = _HEADER.pack(
            MAGIC,
            _HEADER.size + len(body),
            equipment,
            record.width,
            record.height,
            record.x_resolution,
            record.y_resolution,
            len(record.views),
            0,
        )
    except struct.error as error:
        raise ValueError("a size or resolution does not fit 16 bits") from error
    return header + body


def _check_length(data: bytes, length: int) -> None:
    if length < _HEADER.size + _VIEW.size + _EXTENDED.size:
        raise MalformedTemplate(_LENGTH_OFFSET, f"the record claims to be {length} bytes long, shorter than any record")
    if length > len(data):
        raise MalformedTemplate(_LENGTH_OFFSET, f"the record claims to be {length} bytes long, but has {len(data)}")
    if any(data[length:]):
        raise MalformedTemplate(length, f"{len(data) - length} bytes follow the end of the record")


def _read_view(data: bytes, offset: int, end: int, width: int, height: int) -> tuple[View, int]:
    """Read the view at `offset`; return it and the offset behind its extended data."""
    if end - offset < _VIEW.size:
        raise MalformedTemplate(offset, "the record ends inside a finger view header")
    position, number_and_impression, quality, count = _VIEW.unpack_from(data, offset)
    if position > Position.LEFT_LITTLE.code:
        raise MalformedTemplate(offset, f"finger position code {position} is not between 0 and 10")
    start = offset + _VIEW.size
    stop = start + count * _MINUTIA.size
    if stop > end:
        raise MalformedTemplate(offset + 3, f"{count} minutiae are claimed, more than the record has room for")
    minutiae = tuple(_read_minutia(data, at, width, height) for at in range(start, stop, _MINUTIA.size))
    extended, stop = _read_extended(data, stop, end)
    number, impression = number_and_impression >> 4, number_and_impression & 0xF
    return View(Position.from_code(position), number, impression, quality, minutiae, extended), stop


def _read_minutia(data: bytes, offset: int, width: int, height: int) -> RecordMinutia:
    kind_and_x, y, angle, quality = _MINUTIA.unpack_from(data, offset)
    kind, x = kind_and_x >> 14, kind_and_x & _COORDINATE
    if kind == 3:
        raise MalformedTemplate(offset, "minutia type 3 is reserved")
    if y > _COORDINATE:
        raise MalformedTemplate(offset + 2, "the reserved bits of a minutia are set")
    if width and x >= width:
        raise MalformedTemplate(offset, "a minutia lies outside the width of the image")
    if height and y >= height:
        raise MalformedTemplate(offset + 2, "a minutia lies outside the height of the image")
    return RecordMinutia(kind, x, y, angle, quality)


def _read_extended(data: bytes, offset: int, end: int) -> tuple[bytes, int]:
    """Return the extended data block at `offset` uninterpreted, and the offset behind it."""
    if end - offset < _EXTENDED.size:
        raise MalformedTemplate(offset, "the record ends before the length of the extended data")
    (length,) = _EXTENDED.unpack_from(data, offset)
    start = offset + _EXTENDED.size
    if start + length > end:
        raise MalformedTemplate(offset, f"{length} bytes of extended data are claimed, more than the record has")
    return data[start : start + length], start + length


def _write_view(view: View) -> bytes:
    if len(view.minutiae) > 255:
        raise ValueError(f"a finger view holds at most 255 minutiae, not {len(view.minutiae)}")
    number_and_impression = _fits(view.number, 4, "view number") << 4 | _fits(view.impression, 4, "impression type")
    quality = _fits(view.quality, 8, "quality")
    parts = [_VIEW.pack(view.position.code, number_and_impression, quality, len(view.minutiae))]
    for minutia in view.minutiae:
        if not 0 <= minutia.kind <= 2:
            raise ValueError("a minutia type is not 0, 1 or 2")
        kind_and_x = minutia.kind << 14 | _fits(minutia.x, 14, "x")
        angle, minutia_quality = _fits(minutia.angle, 8, "angle"), _fits(minutia.quality, 8, "minutia quality")
        parts.append(_MINUTIA.pack(kind_and_x, _fits(minutia.y, 14, "y"), angle, minutia_quality))
    parts.append(_EXTENDED.pack(_fits(len(view.extended), 16, "extended data length")) + view.extended)
    return b"".join(parts)


def _fits(value: int, bits: int, name: str) -> int:
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{name} does not fit {bits} bits")
    return value
