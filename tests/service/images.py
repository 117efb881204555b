"""Images made for tests, each wrong in its own way."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def blank_image() -> bytes:
    return encoded(Image.new("RGB", (320, 320), (128, 128, 128)))


def two_faces(portrait: bytes) -> bytes:
    one = Image.open(io.BytesIO(portrait)).convert("RGB")
    pair = Image.new("RGB", (one.width * 2, one.height))
    pair.paste(one, (0, 0))
    pair.paste(one, (one.width, 0))
    return encoded(pair)


def scaled(portrait: bytes, factor: float) -> bytes:
    image = Image.open(io.BytesIO(portrait)).convert("RGB")
    return encoded(Image.fromarray((np.asarray(image) * factor).clip(0, 255).astype(np.uint8)))


def png_bomb(side: int = 20_000) -> bytes:
    """A valid PNG of `side` x `side` black pixels in about `side`**2 / 8000 bytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    compressor = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    data = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
