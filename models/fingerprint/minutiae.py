"""Minutiae of one impression at 500 dpi: the common ground of every template format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models import calibration
from models.errors import MalformedTemplate
from models.fingerprint.formats import View

Floats = NDArray[np.floating]

STANDARD_RESOLUTION = 197
"""500 dpi in pixels per centimetre, rounded as every minutiae record rounds it."""

# Minutiae lie on a fixed grid, so that a stored template gives back exactly the numbers it was built from.
POSITION_STEP = 1 / 16  # pixels at 500 dpi; a uint16 reaches 4095.9 pixels, which is 20 cm
ANGLE_STEP = 2 * np.pi / 65536  # radians
STORED = np.dtype([("x", "<u2"), ("y", "<u2"), ("angle", "<u2"), ("kind", "u1"), ("quality", "u1")])


class Kind(IntEnum):
    """Minutia types by their ISO/IEC 19794-2 codes."""

    OTHER = 0
    ENDING = 1
    BIFURCATION = 2


@dataclass(frozen=True, slots=True, eq=False)
class Minutiae:
    """The n minutiae of one impression, at 500 dpi and on the storage grid.

    Attributes:
        xy: float32 (n, 2), pixels at 500 dpi; x grows to the right, y downwards.
        angle: float32 (n,), radians in [0, 2 pi), counter-clockwise from the x axis as seen with y upwards
            (ISO/IEC 19794-2:2005, 6.4.1.4).
        kind: uint8 (n,), values of `Kind`.
        quality: uint8 (n,), 1..100, or 0 where the extractor did not report it.
    """

    xy: NDArray[np.float32]
    angle: NDArray[np.float32]
    kind: NDArray[np.uint8]
    quality: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.angle)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Minutiae) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def stored(self) -> NDArray[np.void]:
        """Return the minutiae as records of type `STORED`, (n,): whole steps of the grid; exact."""
        records = np.empty(len(self), STORED)
        records["x"] = np.rint(self.xy[:, 0] / POSITION_STEP)
        records["y"] = np.rint(self.xy[:, 1] / POSITION_STEP)
        records["angle"] = np.rint(self.angle / ANGLE_STEP).astype(np.int64) % 65536
        records["kind"] = self.kind
        records["quality"] = self.quality
        return records

    def to_bytes(self) -> bytes:
        """Encode as 8 bytes a minutia (x, y, angle, kind, quality; little-endian); exact."""
        return self.stored().tobytes()

    @classmethod
    def from_bytes(cls, stored_minutiae: bytes) -> Minutiae:
        """Decode what `to_bytes` gave.

        Raises:
            ValueError: the length is not a multiple of 8.
        """
        stored = np.frombuffer(stored_minutiae, STORED)
        xy = np.stack([stored["x"], stored["y"]], axis=1).astype(np.float32) * np.float32(POSITION_STEP)
        angle = (stored["angle"] * ANGLE_STEP).astype(np.float32)
        return cls(xy, angle, stored["kind"].copy(), stored["quality"].copy())


def normalise(view: View, x_resolution: int, y_resolution: int, angle_units: int) -> Minutiae:
    """Bring a recorded view to 500 dpi and radians.

    Args:
        view: as recorded.
        x_resolution: pixels per centimetre of the record, across.
        y_resolution: the same, down. Where the two differ, directions are corrected too.
        angle_units: units a turn of the recorded angles.

    Raises:
        MalformedTemplate: a resolution that no fingerprint scanner has, or minutiae spread over more than a hand.
    """
    lowest, highest = calibration.FINGER_RESOLUTION_RANGE
    for resolution in (x_resolution, y_resolution):
        if not lowest <= resolution <= highest:
            raise MalformedTemplate(0, f"a resolution of {resolution} pixels per centimetre is not of a finger scanner")
    x_scale, y_scale = STANDARD_RESOLUTION / x_resolution, STANDARD_RESOLUTION / y_resolution
    fields = np.array(view.minutiae, np.int64).reshape(-1, 5)
    angle: Floats = fields[:, 3] * (2 * np.pi / angle_units)
    if x_scale != y_scale:
        angle = np.arctan2(np.sin(angle) * y_scale, np.cos(angle) * x_scale)
    quality = np.where(fields[:, 4] <= 100, fields[:, 4], 0)
    try:
        return on_grid(
            fields[:, 1] * x_scale,
            fields[:, 2] * y_scale,
            angle,
            fields[:, 0].astype(np.uint8),
            quality.astype(np.uint8),
        )
    except ValueError as error:
        raise MalformedTemplate(0, str(error)) from error


def on_grid(
    x: Floats,
    y: Floats,
    angle: Floats,
    kind: NDArray[np.uint8],
    quality: NDArray[np.uint8],
) -> Minutiae:
    """Put minutiae (pixels at 500 dpi, radians) on the storage grid; all arguments have shape (n,).

    Raises:
        ValueError: a position is negative or beyond `calibration.FINGER_POSITION_LIMIT` pixels.
    """
    if len(x) and (min(x.min(), y.min()) < 0 or max(x.max(), y.max()) >= calibration.FINGER_POSITION_LIMIT):
        raise ValueError("a minutia lies outside the area that a finger can have")
    stored = np.empty(len(x), STORED)
    stored["x"] = np.rint(x / POSITION_STEP)
    stored["y"] = np.rint(y / POSITION_STEP)
    stored["angle"] = np.rint(angle / ANGLE_STEP).astype(np.int64) % 65536
    stored["kind"] = kind
    stored["quality"] = quality
    return Minutiae.from_bytes(stored.tobytes())
