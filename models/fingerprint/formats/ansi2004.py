"""Finger minutiae records of ANSI/INCITS 378-2004.

The same views as in ISO/IEC 19794-2:2005, but angles in units of 2 degrees; a header that names the product that wrote
the record; and a length of two octets, or of six of which the first two are zero.
"""

from __future__ import annotations

import struct

from models.errors import MalformedTemplate
from models.fingerprint.formats import iso2005
from models.fingerprint.formats.body import check_sampling
from models.fingerprint.formats.reader import Frame, Reader
from models.fingerprint.formats.record import Format, Record, Sampling

_PREFIX = struct.Struct(">8sH")  # magic, short length
_LONG_LENGTH = struct.Struct(">I")
_HEADER = struct.Struct(">HHHHHHHBB")  # product owner and type, equipment, width, height, resolutions, views, reserved
_RESOLUTION, _VIEWS = 10, 14  # bytes from the product owner on
_SHORTFALL = 2
"""Some records count the header as the 24 bytes that it takes in ISO/IEC 19794-2:2005."""


def read_record(unverified_template: bytes) -> Record:
    """Read a record; zero padding after its end is accepted, any other trailing byte is not.

    A length that is too short by the two bytes that the header takes more than that of an ISO record is accepted, too.

    Raises:
        MalformedTemplate: with the offset of the first wrong field and the reason.
        UnsupportedTemplate: a view is of a palm.
    """
    prefix = Reader(unverified_template)
    _, length = prefix.unpack(_PREFIX, "the record header")
    length_offset = prefix.offset - 2
    if length == 0:
        length_offset = prefix.offset
        (length,) = prefix.unpack(_LONG_LENGTH, "the record header")
    start = prefix.offset
    owner, product, equipment, *sizes, count, _ = prefix.unpack(_HEADER, "the record header")
    frame = Frame(length, length_offset, prefix.offset, _SHORTFALL)
    reader = frame.open(unverified_template)
    sampling = Sampling(*sizes)
    check_sampling(sampling, start + _RESOLUTION)
    if count == 0:
        raise MalformedTemplate(start + _VIEWS, "the record has no finger view")
    views = tuple(iso2005.read_view(reader, sampling) for _ in range(count))
    frame.close(unverified_template, reader)
    return Record(views, *sampling, equipment >> 12, equipment & 0xFFF, owner, product, Format.ANSI_2004)
