"""Finger minutiae records of ISO/IEC 19794-2:2005, record format (clause 7).

Reading is strict where a lie could hurt: every length is checked before it is used, and values that the comparison uses
must be possible. Extended data is skipped by the length of its block and not interpreted.
"""

from __future__ import annotations

import struct

from models.errors import MalformedTemplate
from models.fingerprint.formats.body import (
    check_sampling,
    check_views,
    check_written_sampling,
    fits,
    read_extended,
    read_minutiae,
    read_position,
    write_minutiae,
)
from models.fingerprint.formats.reader import Frame, Reader
from models.fingerprint.formats.record import Format, Record, Sampling, View

MAGIC = b"FMR\x00 20\x00"
ANGLE_UNITS = 256
"""Angle units a turn (7.4.2.3: 360/256 degrees each)."""

_HEADER = struct.Struct(">8sIHHHHHBB")  # magic, length, equipment, width, height, resolutions, views, reserved
_VIEW = struct.Struct(">BBBB")  # position, view number and impression type, quality, number of minutiae
_LENGTH_OFFSET, _RESOLUTION_OFFSET, _VIEWS_OFFSET = 8, 18, 22


def read_record(unverified_template: bytes) -> Record:
    """Read a record; zero padding after its end is accepted, any other trailing byte is not.

    Raises:
        MalformedTemplate: with the offset of the first wrong field and the reason.
        UnsupportedTemplate: a view is of a palm.
    """
    header = Reader(unverified_template).unpack(_HEADER, "the record header")
    magic, length, equipment, width, height, x_resolution, y_resolution, count, _ = header
    if magic != MAGIC:
        raise MalformedTemplate(0, "the format identifier and version are not 'FMR' and ' 20'")
    frame = Frame(length, _LENGTH_OFFSET, _HEADER.size)
    reader = frame.open(unverified_template)
    sampling = Sampling(width, height, x_resolution, y_resolution)
    check_sampling(sampling, _RESOLUTION_OFFSET)
    if count == 0:
        raise MalformedTemplate(_VIEWS_OFFSET, "the record has no finger view")
    views = tuple(read_view(reader, sampling) for _ in range(count))
    frame.close(unverified_template, reader)
    return Record(views, *sampling, equipment >> 12, equipment & 0xFFF)


def read_view(reader: Reader, sampling: Sampling) -> View:
    """Read a view; ANSI/INCITS 378-2004 has the same, but for the unit of the angles.

    Raises:
        MalformedTemplate: with the offset of the first wrong field and the reason.
        UnsupportedTemplate: the view is of a palm.
    """
    offset = reader.offset
    code, number_and_impression, quality, count = reader.unpack(_VIEW, "a finger view header")
    position, _ = read_position(code, offset, groups=False)
    minutiae = read_minutiae(reader, count, sampling)
    extended = read_extended(reader)
    return View(position, number_and_impression >> 4, number_and_impression & 0xF, quality, minutiae, extended)


def write_record(record: Record) -> bytes:
    """Write a record; `read_record` gives it back exactly.

    Raises:
        ValueError: a value does not fit its field, or the record is of another format.
    """
    if record.format is not Format.ISO_2005:
        raise ValueError(f"a record in the units of {record.format} does not fit {Format.ISO_2005}")
    check_views(record.views, 255)
    sampling = Sampling(record.width, record.height, record.x_resolution, record.y_resolution)
    check_written_sampling(sampling)
    body = b"".join(_write_view(view) for view in record.views)
    equipment = fits(record.certification, 4, "certification") << 12 | fits(record.device, 12, "device")
    return _HEADER.pack(MAGIC, _HEADER.size + len(body), equipment, *sampling, len(record.views), 0) + body


def _write_view(view: View) -> bytes:
    if view.group or view.capture is not None:
        raise ValueError("a view with a group of fingers or capture details of its own does not fit this edition")
    number_and_impression = fits(view.number, 4, "view number") << 4 | fits(view.impression, 4, "impression type")
    return bytes([view.position.code, number_and_impression, fits(view.quality, 8, "quality")]) + write_minutiae(view)
