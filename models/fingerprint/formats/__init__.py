"""Minutiae record formats, told apart by content."""

from __future__ import annotations

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint.formats import iso2005
from models.fingerprint.formats.record import Format, Record, RecordMinutia, View

__all__ = ["Format", "Record", "RecordMinutia", "View", "identify", "read_record"]

_IDENTIFIER = b"FMR\x00"
_VERSION_20 = b" 20\x00"
_OTHER_VERSIONS = {
    b"020\x00": Format.ANSI_2004,  # some writers of ANSI records pad the version with a zero
    b"030\x00": Format.EDITION_030,
    b"035\x00": Format.ANSI_2009_AMENDMENT_1,
}
_DECIDING_BYTES = 12


def identify(unverified_template: bytes) -> Format:
    """Tell the format of a record from its first bytes.

    ISO/IEC 19794-2:2005 and ANSI/INCITS 378-2004 share identifier and version. The ISO record goes on with a length of
    four bytes; the ANSI record with one of two bytes, at least 26, or zero and then four bytes. An ISO record of more
    than 25 * 65536 bytes does not exist.

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
    if version in _OTHER_VERSIONS:
        return _OTHER_VERSIONS[version]
    if version != _VERSION_20:
        raise UnsupportedTemplate("the finger minutiae record is of an unknown version")
    high, low = int.from_bytes(head[8:10]), int.from_bytes(head[10:12])
    if high == 0:
        return Format.ISO_2005 if low >= 24 else Format.ANSI_2004
    return Format.ISO_2005 if high < 26 else Format.ANSI_2004


def read_record(unverified_template: bytes) -> Record:
    """Read a minutiae record of any supported format.

    Raises:
        MalformedTemplate: the record breaks its format; with byte offset and reason.
        UnsupportedTemplate: the record is of a format that is not read, named in the message.
    """
    found = identify(unverified_template)
    if found is not Format.ISO_2005:
        raise UnsupportedTemplate(f"the finger minutiae record is {found}, which is not read yet")
    return iso2005.read_record(unverified_template)
