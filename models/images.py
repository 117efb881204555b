"""Decode an image that came from outside: caps first, then the pixels, upright, 8 bits, BGR."""

from __future__ import annotations

import io
import struct
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.calibration import IMAGE_BYTES_LIMIT, IMAGE_PIXELS_LIMIT
from models.errors import ImageTooLarge, MalformedImage

_FORMATS = ("JPEG", "PNG", "WEBP", "JPEG2000")
_HEADER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, struct.error)
_WHITE = 255
_ORIENTATION = 0x0112
_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ markers: every JPEG 2000 codestream starts so

# An image over PIL's own limit is refused here anyway: no warning on top of that.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# What is wrong with an image goes to its sender; a log line for each would let senders flood the log.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

Pixels = NDArray[np.uint8]


def decode_image(unverified_image: bytes) -> Pixels:
    """Decode one JPEG, PNG, WebP or JPEG 2000 file (of an animation: the first frame).

    EXIF orientation is applied, 16 bits become 8, transparent pixels are put on white (what a person would see), CMYK
    and palettes become colours. The size is read and checked before any pixel is decoded. PIL reads the header alone,
    so its process-wide tolerance of truncated files, which other packages switch on, is of no consequence here: OpenCV
    refuses them. It also decodes without holding the GIL.

    Returns:
        uint8 (height, width, 3), blue, green, red.

    Raises:
        MalformedImage: not a complete image of one of these formats.
        ImageTooLarge: over the byte or pixel cap; nothing was decoded.
    """
    if len(unverified_image) > IMAGE_BYTES_LIMIT:
        raise ImageTooLarge(f"image has {len(unverified_image)} bytes; the cap is {IMAGE_BYTES_LIMIT}")
    header = _open(unverified_image)
    _check_size(*header.size)
    _check_codestream_size(unverified_image)
    if header.has_transparency_data:
        return _flatten(_decode(unverified_image, cv2.IMREAD_UNCHANGED), header)
    return _decode(unverified_image, cv2.IMREAD_COLOR)


def _open(unverified_image: bytes) -> Image.Image:
    """Read the header alone: PIL decodes no pixel before it is asked for one."""
    try:
        return Image.open(io.BytesIO(unverified_image), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"image has more pixels than the cap of {IMAGE_PIXELS_LIMIT}") from error
    except _HEADER_ERRORS as error:
        raise MalformedImage("the bytes are not a JPEG, PNG, WebP or JPEG 2000 image") from error


def _check_size(width: int, height: int) -> None:
    if width * height > IMAGE_PIXELS_LIMIT:
        raise ImageTooLarge(f"image has {width} x {height} pixels; the cap is {IMAGE_PIXELS_LIMIT} in all")


def _check_codestream_size(unverified_image: bytes) -> None:
    """Check the size that a JPEG 2000 codestream itself claims: the file format's header around it may lie.

    ISO/IEC 15444-1 A.5.1: after the markers Lsiz and Rsiz (16 bits each), Xsiz, Ysiz, XOsiz and YOsiz (32 bits each).
    """
    start = unverified_image.find(_CODESTREAM)
    if start < 0 or not unverified_image.startswith((_CODESTREAM, b"\x00\x00\x00\x0cjP  ")):
        return
    sizes = unverified_image[start + 8 : start + 24]
    if len(sizes) < 16:
        raise MalformedImage("the JPEG 2000 codestream ends inside its header")
    right, bottom, left, top = struct.unpack(">4I", sizes)
    _check_size(max(right - left, 0), max(bottom - top, 0))


def _decode(unverified_image: bytes, flag: int) -> Pixels:
    try:
        pixels = cv2.imdecode(np.frombuffer(unverified_image, dtype=np.uint8), flag)
    except cv2.error as error:
        raise MalformedImage("the image is damaged or incomplete") from error
    if pixels is None:
        raise MalformedImage("the image is damaged or incomplete")
    return np.asarray(pixels)


def _flatten(decoded: NDArray[np.uint8] | NDArray[np.uint16], header: Image.Image) -> Pixels:
    """Put pixels with transparency on white and turn them upright (with an alpha channel OpenCV does not)."""
    pixels = np.asarray(decoded >> 8 if decoded.dtype == np.uint16 else decoded, dtype=np.uint8)
    if pixels.ndim == 2:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:].astype(np.float32) / 255
        pixels = (pixels[:, :, :3] * alpha + _WHITE * (1 - alpha) + 0.5).astype(np.uint8)
    return np.ascontiguousarray(_upright(pixels, _orientation(header)))


def _orientation(header: Image.Image) -> int:
    exif = Image.Exif()
    try:
        exif.load(header.info.get("exif", b""))
    except _HEADER_ERRORS as error:
        raise MalformedImage("the EXIF data of the image is damaged") from error
    orientation = exif.get(_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1  # text or a fraction says nothing


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1 to 8 (EXIF 2.32); other values mean upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
