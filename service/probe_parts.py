"""The bytes of a kept probe: sealed under a data key of its own, in parts of one size.

How long it takes to write must not tell whether a probe is kept, nor how large it is. So no more than one part is
written in a turn; and where there is none to write, as much noise is.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from service.probe_shelf import Probe
from watchlists.errors import SealBroken
from watchlists.records import Templates
from watchlists.sealing import KEY_SIZE, binding, new_key, open_seal, seal, sealed_size
from watchlists.templates import pack_templates, unpack_templates

PART: Final = 256 * 2**10
"""Bytes of a part before it is sealed."""
MOST_PARTS: Final = 10
"""Of one probe: it must be written while the turn would be taken anyway."""
VERSION: Final = 1
_NOISE: Final = secrets.token_bytes(2 * sealed_size(PART))
_HEADER: Final = struct.Struct("<B?I")  # version, whether there is an image, its length
_SIZE: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class SealedProbe:
    """A probe in parts.

    Args:
        key: what opens it: data key and size. To be sealed for each partner that may keep the probe.
        parts: of equal size, in order.
    """

    key: bytes = field(repr=False)
    parts: tuple[bytes, ...] = field(repr=False)


def seal_probe(probe: Probe, flag_id: str) -> SealedProbe:
    """Seal a probe under a new data key, tied to its flag; the last part is filled up."""
    packed, data_key = pack_probe(probe), new_key()
    chunks = (packed[start : start + PART].ljust(PART, b"\0") for start in range(0, len(packed), PART))
    parts = tuple(seal(data_key, chunk, _bound(flag_id, number)) for number, chunk in enumerate(chunks))
    return SealedProbe(data_key + _SIZE.pack(len(packed)), parts)


def open_probe(key: bytes, parts: Sequence[bytes], flag_id: str) -> Probe:
    """Open what `seal_probe` gave.

    Raises:
        SealBroken: a part is missing, was changed, or is of another flag or place.
        ValueError: the encoding is of another version, or damaged.
    """
    data_key, (size,) = key[:KEY_SIZE], _SIZE.unpack(key[KEY_SIZE:])
    opened = [open_seal(data_key, part, _bound(flag_id, number)) for number, part in enumerate(parts)]
    packed = b"".join(opened)[:size]
    if len(packed) != size:
        raise SealBroken("a part of a kept probe is missing")
    return unpack_probe(packed)


def noise() -> bytes:
    """Return as many bytes as a sealed part has, that look like one; hardly any stands where it stood before.

    The database writes what changes: all of it, as of a part. That it be the same bytes, elsewhere, harms nobody.
    """
    start = secrets.randbelow(len(_NOISE) // 2)
    return _NOISE[start : start + sealed_size(PART)]


def pack_probe(probe: Probe) -> bytes:
    """Encode a probe: a header, the image, and the fingers as `pack_templates` has them."""
    image = probe.image or b""
    header = _HEADER.pack(VERSION, probe.image is not None, len(image))
    return header + image + pack_templates(Templates(fingers=probe.fingers))


def unpack_probe(packed: bytes) -> Probe:
    """Decode what `pack_probe` gave.

    Raises:
        ValueError: not of this version, or damaged.
    """
    if len(packed) < _HEADER.size or packed[0] != VERSION:
        raise ValueError(f"a kept probe is not a container of version {VERSION}")
    _, has_image, length = _HEADER.unpack_from(packed)
    image = packed[_HEADER.size : _HEADER.size + length]
    if len(image) != length:
        raise ValueError("a kept probe ends inside its image")
    return Probe(image if has_image else None, unpack_templates(packed[_HEADER.size + length :]).fingers)


def _bound(flag_id: str, number: int) -> bytes:
    return binding("part of a kept probe", flag_id, str(number))
