from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from models.calibration import IMAGE_BYTES_LIMIT
from models.errors import ImageTooLarge, MalformedImage
from models.images import decode_image
from tests.models.pictures import Pixels, as_pil, astronaut, to_file, to_png

PICTURE = astronaut()
SLICE = PICTURE[:200, 100:400]  # wider than high, so that a turn shows


def mean_difference(found: Pixels, wanted: Pixels) -> float:
    assert found.shape == wanted.shape
    assert found.dtype == np.uint8
    return float(np.abs(found.astype(int) - wanted.astype(int)).mean())


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 2),
        ("JPEG", {"quality": 95, "progressive": True}, 2),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 3),
        ("JPEG2000", {}, 0),
        ("JPEG2000", {"no_jp2": True}, 0),
    ],
)
def test_formats_give_their_pixels(kind: str, options: dict[str, object], tolerance: float) -> None:
    assert mean_difference(decode_image(to_file(as_pil(PICTURE), kind, **options)), PICTURE) <= tolerance


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "JPEG2000"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    whole = to_file(as_pil(PICTURE), kind)
    with pytest.raises(MalformedImage):
        decode_image(whole[: int(len(whole) * share)])


def test_truncated_ink_image_is_refused_whatever_another_package_switched_on() -> None:
    whole = to_file(as_pil(PICTURE).convert("CMYK"), "JPEG")
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with pytest.raises(MalformedImage):
            decode_image(whole[: len(whole) // 2])
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


@pytest.mark.parametrize(
    "unverified",
    [
        b"",
        b"hello, this is no image",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"GIF89a" * 9,
    ],
)
def test_other_bytes_are_refused(unverified: bytes) -> None:
    with pytest.raises(MalformedImage):
        decode_image(unverified)


def test_bytes_over_the_cap_are_refused() -> None:
    with pytest.raises(ImageTooLarge, match="bytes"):
        decode_image(to_png(PICTURE) + bytes(IMAGE_BYTES_LIMIT))


def _png_of_zeros(side: int) -> bytes:
    """A square PNG of one bit a pixel, all black: small as a file, huge when decoded to colours."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("side", [20_000, 10_000])
def test_a_bomb_is_refused_and_memory_stays_flat(side: int) -> None:
    program = """
import resource, sys
from models.errors import ImageTooLarge
from models.images import decode_image
bomb = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode_image(bomb)
except ImageTooLarge:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], input=_png_of_zeros(side), capture_output=True, check=True)
    kilobytes_more = int(done.stdout)
    assert kilobytes_more < 20_000  # decoded, the smaller one takes 300,000


def test_a_jpeg_2000_whose_codestream_is_larger_than_its_header_says_is_refused() -> None:
    honest = to_file(as_pil(PICTURE), "JPEG2000")
    sizes = honest.index(b"\xff\x4f\xff\x51") + 8
    lying = honest[:sizes] + struct.pack(">II", 30_000, 30_000) + honest[sizes + 8 :]
    with pytest.raises(ImageTooLarge):
        decode_image(lying)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("WEBP", "RGBA")]
)
def test_exif_orientation_is_applied(orientation: int, kind: str, mode: str) -> None:
    undo = {  # what a camera held so would have stored (EXIF 2.32, Orientation)
        1: lambda upright: upright,
        2: np.fliplr,
        3: lambda upright: np.rot90(upright, 2),
        4: np.flipud,
        5: lambda upright: upright.transpose(1, 0, 2),
        6: lambda upright: np.rot90(upright, 1),
        7: lambda upright: np.rot90(upright.transpose(1, 0, 2), 2),
        8: lambda upright: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = as_pil(np.ascontiguousarray(undo(SLICE))).convert(mode)
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    assert mean_difference(decode_image(to_file(stored, kind, exif=exif, **options)), SLICE) < 3


def test_sixteen_bits_keep_their_brightness() -> None:
    gray = cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY)
    for picture in (PICTURE, gray):
        wide = picture.astype(np.uint16) * 257
        wanted = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
        assert mean_difference(decode_image(to_png(wide)), wanted) < 1


def test_sixteen_bits_with_transparency_keep_their_brightness() -> None:
    wide = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)]).astype(np.uint16) * 257
    assert mean_difference(decode_image(to_png(wide)), PICTURE) < 1


def test_inks_become_colours() -> None:
    """Stored inverted, as Adobe does (PIL writes the marker for it)."""
    inks = to_file(as_pil(PICTURE).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in inks
    assert mean_difference(decode_image(inks), PICTURE) < 3


def test_gray_and_palette_become_colours() -> None:
    gray = cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY)
    assert mean_difference(decode_image(to_png(gray)), np.repeat(gray[:, :, None], 3, axis=2)) == 0
    palette = as_pil(PICTURE).convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    assert mean_difference(decode_image(to_file(palette, "PNG")), PICTURE) < 6


def test_what_is_transparent_is_not_seen() -> None:
    hidden = as_pil(PICTURE).convert("RGBA")
    hidden.putalpha(0)
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("JPEG2000", {})):
        assert decode_image(to_file(hidden, kind, **options)).min() == 255
    gray = as_pil(PICTURE).convert("LA")
    gray.putalpha(0)
    assert decode_image(to_file(gray, "PNG")).min() == 255


def test_the_answer_is_writable_and_contiguous() -> None:
    for kind in ("RGB", "RGBA"):
        decoded = decode_image(to_file(as_pil(PICTURE).convert(kind), "PNG"))
        assert decoded.flags.c_contiguous


@pytest.mark.parametrize(("kind", "count", "value"), [(2, 2, b"x\0\0\0"), (2, 2, b"6\0\0\0")])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_orientation_that_is_no_number_means_upright(mode: str, kind: int, count: int, value: bytes) -> None:
    entry = struct.pack("<HHI4s", 0x0112, kind, count, value)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    stream = io.BytesIO()
    Image.new(mode, (64, 48), "red").save(stream, "PNG", exif=exif)
    assert decode_image(stream.getvalue()).shape == (48, 64, 3)
