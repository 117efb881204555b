"""Minutiae record formats, told apart by content.

Records: ISO/IEC 19794-2:2005 and :2011, ANSI/INCITS 378-2004, 378-2009 and its amendment 1. The bare minutiae of smart
cards carry no mark of their format; read them with `card`.
"""

from __future__ import annotations

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint.formats import ansi2004, ansi2009, iso2005, iso2011
from models.fingerprint.formats.record import Capture, Format, Record, RecordMinutia, Sampling, View

__all__ = [
    "Capture",
    "Format",
    "Record",
    "RecordMinutia",
    "Sampling",
    "View",
    "identify",
    "read_record",
    "write_record",
]

_IDENTIFIER = b"FMR\x00"
_VERSION_20, _VERSION_30 = b" 20\x00", b"030\x00"
_ANSI_VERSIONS = {
    b"020\x00": Format.ANSI_2004,  # some writers of ANSI records pad the version with a zero
    b"035\x00": Format.ANSI_2009_AMENDMENT_1,
}
_DECIDING_BYTES = 12


def identify(unverified_template: bytes) -> Format:
    """Tell the format of a record.

    ISO/IEC 19794-2:2005 and ANSI/INCITS 378-2004 share identifier and version. The ISO record goes on with a length of
    four bytes; the ANSI record with one of two bytes, at least 26, or zero and then four bytes. An ISO record of more
    than 25 * 65536 bytes does not exist. ISO/IEC 19794-2:2011 and ANSI/INCITS 378-2009 share them too; there the
    lengths of the views decide.

    Raises:
        MalformedTemplate: the record ends before its format can be told.
        UnsupportedTemplate: not a minutiae record, or of an edition that is unknown here.
    """
    head = unverified_template[:_DECIDING_BYTES]
    if head[:4] != _IDENTIFIER[: len(head)]:
        raise UnsupportedTemplate("the bytes do not begin with the identifier of a finger minutiae record, 'FMR'")
    if len(head) < _DECIDING_BYTES:
        raise MalformedTemplate(len(head), "the record ends before its length field")
    version = head[4:8]
    if version in _ANSI_VERSIONS:
        return _ANSI_VERSIONS[version]
    if version == _VERSION_30:
        return Format.ISO_2011 if iso2011.recognises(unverified_template) else Format.ANSI_2009
    if version != _VERSION_20:
        raise UnsupportedTemplate("the finger minutiae record is of an unknown version")
    high, low = int.from_bytes(head[8:10]), int.from_bytes(head[10:12])
    if high == 0:
        return Format.ISO_2005 if low >= 24 else Format.ANSI_2004
    return Format.ISO_2005 if high < 26 else Format.ANSI_2004


def read_record(unverified_template: bytes) -> Record:
    """Read a minutiae record of any format that `identify` knows; the record says which it found.

    Raises:
        MalformedTemplate: the record breaks its format; with byte offset and reason.
        UnsupportedTemplate: not a minutiae record, of an unknown edition, or of a palm.
    """
    found = identify(unverified_template)
    if found is Format.ISO_2005:
        return iso2005.read_record(unverified_template)
    if found is Format.ISO_2011:
        return iso2011.read_record(unverified_template)
    if found is Format.ANSI_2004:
        return ansi2004.read_record(unverified_template)
    return ansi2009.read_record(unverified_template, found)


def write_record(record: Record) -> bytes:
    """Write a record in its own format; see `convert` for records of other formats.

    Raises:
        ValueError: the format is not one that is written (the ISO records are), or a value does not fit its field.
    """
    if record.format is Format.ISO_2005:
        return iso2005.write_record(record)
    return iso2011.write_record(record)
