"""Bytes of the portraits of an entry, as they get sealed: for people to compare, and of no use to a gallery."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from models.samples import Portrait, ReasonCode

Portraits = tuple[Portrait | None, ...]
"""One for each face template of an entry, in their order; None where the owner left it out."""

VERSION = 1
_HEADER = struct.Struct("<BH")  # version, number of faces
_LENGTHS = struct.Struct("<II")  # of the description and of the picture; both 0 where there is none


def pack_portraits(portraits: Portraits) -> bytes:
    """Encode portraits: a header, then for each face the lengths of description (JSON) and picture, and both."""
    parts = [_HEADER.pack(VERSION, len(portraits))]
    for portrait in portraits:
        description = b"" if portrait is None else _description(portrait)
        picture = b"" if portrait is None else portrait.jpeg
        parts += [_LENGTHS.pack(len(description), len(picture)), description, picture]
    return b"".join(parts)


def unpack_portraits(packed: bytes) -> Portraits:
    """Decode what `pack_portraits` gave.

    Raises:
        ValueError, KeyError: not a container of this version, or damaged.
    """
    if len(packed) < _HEADER.size or packed[0] != VERSION:
        raise ValueError(f"stored portraits are not a container of version {VERSION}")
    found = tuple(_portraits(packed))
    if len(found) != _HEADER.unpack_from(packed)[1]:
        raise ValueError("stored portraits have the wrong number of parts")
    return found


def _description(portrait: Portrait) -> bytes:
    plain = {"landmarks": portrait.landmarks, "notes": portrait.notes}
    return json.dumps(plain, separators=(",", ":")).encode()


def _portraits(packed: bytes) -> Iterator[Portrait | None]:
    position = _HEADER.size
    while position < len(packed):
        begin = position + _LENGTHS.size
        if begin > len(packed):
            raise ValueError("stored portraits end inside a header")
        described, pictured = _LENGTHS.unpack_from(packed, position)
        position = begin + described + pictured
        if position > len(packed):
            raise ValueError("stored portraits end inside a part")
        description = packed[begin : begin + described]
        yield _portrait(description, packed[begin + described : position]) if description else None


def _portrait(description: bytes, jpeg: bytes) -> Portrait:
    fields = json.loads(description)
    landmarks = tuple((float(x), float(y)) for x, y in fields["landmarks"])
    return Portrait(jpeg, landmarks, tuple(ReasonCode(note) for note in fields["notes"]))
