"""Finger minutiae records of ISO/IEC 19794-2:2011, record format, in the frame of ISO/IEC 19794-1:2011.

Each view ("representation") has a length of its own and tells how it was captured.
"""

from __future__ import annotations

import struct

from models.errors import MalformedTemplate
from models.fingerprint.formats.body import (
    GROUPS,
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
from models.fingerprint.formats.record import (
    NOT_REPORTED,
    Capture,
    Certification,
    Format,
    QualityBlock,
    Record,
    Sampling,
    View,
)
from models.samples import Position

MAGIC = b"FMR\x00030\x00"

_HEADER = struct.Struct(">8sIHB")  # magic, length, number of views, whether certifications are listed
_LENGTH = struct.Struct(">I")
_DEVICE = struct.Struct(">9sBHH")  # moment, technology, vendor, device
_COUNT = struct.Struct(">B")
_QUALITY = struct.Struct(">BHH")
_CERTIFICATION = struct.Struct(">HB")
_FINGER = struct.Struct(">BBHHBHHB")  # position, number, resolutions, impression, size, minutia length and ending type
_LENGTH_OFFSET, _VIEWS_OFFSET, _CERTIFIED_OFFSET = 8, 12, 14
_RESOLUTION, _MINUTIA_LENGTH = 2, 11  # bytes from the position code on
_SHORTEST_VIEW = _LENGTH.size + _DEVICE.size + _COUNT.size + _FINGER.size + _COUNT.size + 2


def recognises(unverified_template: bytes) -> bool:
    """Tell whether a record of version 030 is of this format and not of ANSI/INCITS 378-2009.

    The lengths of the views must add up to the length of the record. Where the record ends early, those that are there
    must not contradict it, so that a record cut short is still called by its name.

    Raises:
        MalformedTemplate: the record ends before the header does.
    """
    header: tuple[bytes, int, int, int] = Reader(unverified_template).unpack(_HEADER, "the record header")
    _, total, count, certified = header
    if count == 0 or certified > 1:
        return False
    offset = _HEADER.size
    for _ in range(count):
        if offset + _LENGTH.size > len(unverified_template):
            return offset < total
        (length,) = _LENGTH.unpack_from(unverified_template, offset)
        offset += length
        if length < _SHORTEST_VIEW or offset > total:
            return False
    return offset == total


def read_record(unverified_template: bytes) -> Record:
    """Read a record; zero padding after its end is accepted, any other trailing byte is not.

    Raises:
        MalformedTemplate: with the offset of the first wrong field and the reason.
        UnsupportedTemplate: a view is of a palm.
    """
    _, length, count, certified = Reader(unverified_template).unpack(_HEADER, "the record header")
    frame = Frame(length, _LENGTH_OFFSET, _HEADER.size)
    reader = frame.open(unverified_template)
    if count == 0:
        raise MalformedTemplate(_VIEWS_OFFSET, "the record has no finger view")
    if certified > 1:
        raise MalformedTemplate(_CERTIFIED_OFFSET, "the certification flag is neither 0 nor 1")
    views = tuple(_read_view(reader, bool(certified)) for _ in range(count))
    frame.close(unverified_template, reader)
    return Record(views, certification=certified, format=Format.ISO_2011)


def _read_view(reader: Reader, certified: bool) -> View:
    start = reader.offset
    (length,) = reader.unpack(_LENGTH, "the length of a finger view")
    part = reader.part(length, start, "a finger view")
    device = part.unpack(_DEVICE, "a finger view header")
    qualities = tuple(QualityBlock(*fields) for fields in _read_blocks(part, _QUALITY))
    certifications = tuple(Certification(*fields) for fields in _read_blocks(part, _CERTIFICATION)) if certified else ()
    view = _read_finger(part, device, qualities, certifications)
    if part.remaining:
        raise MalformedTemplate(part.offset, f"{part.remaining} bytes follow the extended data of a finger view")
    return view


def _read_blocks(part: Reader, layout: struct.Struct) -> list[tuple[int, ...]]:
    offset = part.offset
    (count,) = part.unpack(_COUNT, "a finger view header")
    if count * layout.size > part.remaining:
        raise MalformedTemplate(offset, f"{count} blocks are claimed, more than the finger view has room for")
    return [part.unpack(layout, "a finger view header") for _ in range(count)]


def _read_finger(
    part: Reader,
    device: tuple[bytes, int, int, int],
    qualities: tuple[QualityBlock, ...],
    certifications: tuple[Certification, ...],
) -> View:
    offset = part.offset
    code, number, x, y, impression, width, height, layout = part.unpack(_FINGER, "a finger view header")
    position, group = read_position(code, offset, groups=True)
    sampling = Sampling(width, height, x, y)
    check_sampling(sampling, offset + _RESOLUTION)
    minutia_length, ending_type = layout >> 4, layout & 0xF
    if minutia_length not in (5, 6):
        raise MalformedTemplate(offset + _MINUTIA_LENGTH, f"a minutia cannot take {minutia_length} bytes")
    (count,) = part.unpack(_COUNT, "a finger view header")
    with_quality = minutia_length == 6
    minutiae = read_minutiae(part, count, sampling, with_quality=with_quality)
    extended = read_extended(part)
    capture = Capture(sampling, qualities, *device, certifications, ending_type, with_quality)
    quality = qualities[0].score if qualities else NOT_REPORTED
    return View(position, number, impression, quality, minutiae, extended, group, capture)


def write_record(record: Record) -> bytes:
    """Write a record; `read_record` gives it back exactly.

    Raises:
        ValueError: a value does not fit its field, contradicts another, or the record is of another format.
    """
    if record.format is not Format.ISO_2011:
        raise ValueError(f"a record in the units of {record.format} does not fit {Format.ISO_2011}")
    check_views(record.views, 0xFFFF)
    certified = fits(record.certification, 1, "certification flag")
    views = b"".join(_write_view(view, bool(certified)) for view in record.views)
    return _HEADER.pack(MAGIC, _HEADER.size + len(views), len(record.views), certified) + views


def _write_view(view: View, certified: bool) -> bytes:
    capture = view.capture
    if capture is None:
        raise ValueError("a view without capture details does not fit this edition")
    if view.quality != (capture.qualities[0].score if capture.qualities else NOT_REPORTED):
        raise ValueError("the quality of a view does not fit its first quality block")
    if len(capture.moment) != 9:
        raise ValueError(f"a moment of {len(capture.moment)} octets does not fit 9")
    if capture.certifications and not certified:
        raise ValueError("certifications do not fit a record without the certification flag")
    technology, vendor = fits(capture.technology, 8, "technology"), fits(capture.vendor, 16, "vendor")
    parts = [_DEVICE.pack(capture.moment, technology, vendor, fits(capture.device, 16, "device"))]
    parts += _write_blocks(capture.qualities, _QUALITY, (8, 16, 16))
    if certified:
        parts += _write_blocks(capture.certifications, _CERTIFICATION, (16, 8))
    parts.append(_write_finger(view, capture))
    body = b"".join(parts)
    return _LENGTH.pack(_LENGTH.size + len(body)) + body


def _write_blocks(
    blocks: tuple[QualityBlock, ...] | tuple[Certification, ...], layout: struct.Struct, bits: tuple[int, ...]
) -> list[bytes]:
    fields = [[fits(value, size, "block") for value, size in zip(block, bits, strict=True)] for block in blocks]
    return [bytes([fits(len(blocks), 8, "number of blocks")]), *(layout.pack(*values) for values in fields)]


def _write_finger(view: View, capture: Capture) -> bytes:
    check_written_sampling(capture.sampling)
    width, height, x, y = capture.sampling
    if view.group and (view.group not in GROUPS or view.position is not Position.UNKNOWN):
        raise ValueError("a group of fingers does not fit the position of the view")
    code, number = view.group or view.position.code, fits(view.number, 8, "view number")
    impression = fits(view.impression, 8, "impression type")
    layout = (6 if capture.minutia_qualities else 5) << 4 | fits(capture.ending_type, 4, "ending type")
    header = _FINGER.pack(code, number, x, y, impression, width, height, layout)
    return header + write_minutiae(view, with_quality=capture.minutia_qualities)
