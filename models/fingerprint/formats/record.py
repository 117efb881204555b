"""What a minutiae record says, before anything is normalised: the types shared by all record formats."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from models.samples import Position


class Format(StrEnum):
    """Record formats that are told apart by content."""

    ISO_2005 = "ISO/IEC 19794-2:2005"
    ANSI_2004 = "ANSI/INCITS 378-2004"
    EDITION_030 = "ISO/IEC 19794-2:2011 or ANSI/INCITS 378-2009"
    ANSI_2009_AMENDMENT_1 = "ANSI/INCITS 378-2009 amendment 1"


class RecordMinutia(NamedTuple):
    """One minutia as recorded.

    `kind` is 0 other, 1 ending, 2 bifurcation; `x`, `y` are pixels at the record's resolution, y downwards; `angle` is
    in the units of the format; `quality` is 1..100, 0 not reported, other values as the vendor wrote them.
    """

    kind: int
    x: int
    y: int
    angle: int
    quality: int


@dataclass(frozen=True, slots=True)
class View:
    """One impression of one finger.

    Attributes:
        position: the finger.
        number: 0..15, tells several views of one finger apart.
        impression: impression type code, 0..15, as recorded (0 live-scan plain, 1 live-scan rolled, 2 nonlive plain,
            3 nonlive rolled, 8 swipe).
        quality: 0..100 as the extractor reported it, other values as the vendor wrote them.
        minutiae: at most 255.
        extended: the extended data block without its length, kept as it came; nothing in it is interpreted.
    """

    position: Position
    number: int
    impression: int
    quality: int
    minutiae: tuple[RecordMinutia, ...]
    extended: bytes = b""


@dataclass(frozen=True, slots=True)
class Record:
    """A minutiae record with at least one view.

    Attributes:
        views: the impressions.
        width, height: size of the image in pixels; 0 if the extractor did not say.
        x_resolution, y_resolution: pixels per centimetre.
        certification: capture equipment certification, 4 bits.
        device: capture device type, 12 bits.
    """

    views: tuple[View, ...]
    width: int
    height: int
    x_resolution: int
    y_resolution: int
    certification: int = 0
    device: int = 0
