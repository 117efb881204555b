"""Finger minutiae records of ANSI/INCITS 378-2009 and of its amendment 1.

The amendment gives the record a version of its own, which tells it from ISO/IEC 19794-2:2011, and adds position codes
for groups of fingers. Each view carries size and resolution of its image; angles are in units of 2 degrees.
"""

from __future__ import annotations

import struct

from models.errors import MalformedTemplate
from models.fingerprint.formats.body import check_sampling, read_extended, read_minutiae, read_position
from models.fingerprint.formats.reader import Frame, Reader
from models.fingerprint.formats.record import Capture, Format, QualityBlock, Record, Sampling, View

_HEADER = struct.Struct(">8sIHHBHBB")  # magic, length, product owner and type, certification, device, views, reserved
_VIEW = struct.Struct(">BBBBHHHHHHB")  # position, number, impression, quality, its owner and algorithm, sampling, count
_LENGTH_OFFSET, _VIEWS_OFFSET = 8, 19
_SHORTFALL = 1
"""Some records count the header as 20 bytes; it takes 21."""
_RESOLUTION = 12  # bytes from the start of a view on


def read_record(unverified_template: bytes, edition: Format) -> Record:
    """Read a record; zero padding after its end is accepted, any other trailing byte is not.

    A length that is too short by one byte is accepted, too.

    Args:
        unverified_template: the record.
        edition: `ANSI_2009` or `ANSI_2009_AMENDMENT_1`; they differ in nothing that is read here, so that groups of
            fingers are accepted in both.

    Raises:
        MalformedTemplate: with the offset of the first wrong field and the reason.
        UnsupportedTemplate: a view is of a palm.
    """
    header = Reader(unverified_template).unpack(_HEADER, "the record header")
    _, length, owner, product, certification, device, count, _ = header
    frame = Frame(length, _LENGTH_OFFSET, _HEADER.size, _SHORTFALL)
    reader = frame.open(unverified_template)
    if count == 0:
        raise MalformedTemplate(_VIEWS_OFFSET, "the record has no finger view")
    views = tuple(_read_view(reader) for _ in range(count))
    frame.close(unverified_template, reader)
    return Record(
        views,
        certification=certification,
        device=device,
        product_owner=owner,
        product_type=product,
        format=edition,
    )


def _read_view(reader: Reader) -> View:
    offset = reader.offset
    code, number, impression, *quality, width, height, x, y, count = reader.unpack(_VIEW, "a finger view header")
    position, group = read_position(code, offset, groups=True)
    sampling = Sampling(width, height, x, y)
    check_sampling(sampling, offset + _RESOLUTION)
    minutiae = read_minutiae(reader, count, sampling)
    extended = read_extended(reader)
    block = QualityBlock(*quality)
    return View(position, number, impression, block.score, minutiae, extended, group, Capture(sampling, (block,)))
