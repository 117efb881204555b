"""What a minutiae record says, before anything is normalised: the types shared by all record formats."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from models.samples import Position

NOT_REPORTED = 254
"""Quality that the extractor did not report, in the editions since 2009; the older ones write 0."""


class Format(StrEnum):
    """Formats that are read. The records are told apart by content; the card formats say nothing of themselves."""

    ISO_2005 = "ISO/IEC 19794-2:2005"
    ISO_2005_CARD_NORMAL = "ISO/IEC 19794-2:2005, card format of normal size"
    ISO_2005_CARD_COMPACT = "ISO/IEC 19794-2:2005, card format of compact size"
    ISO_2011 = "ISO/IEC 19794-2:2011"
    ANSI_2004 = "ANSI/INCITS 378-2004"
    ANSI_2009 = "ANSI/INCITS 378-2009"
    ANSI_2009_AMENDMENT_1 = "ANSI/INCITS 378-2009 amendment 1"


_ANSI = frozenset({Format.ANSI_2004, Format.ANSI_2009, Format.ANSI_2009_AMENDMENT_1})
_ANSI_ANGLES = 180


class RecordMinutia(NamedTuple):
    """One minutia as recorded.

    `kind` is 0 other or unknown, 1 ending, 2 bifurcation; `x`, `y` are pixels at the resolution of the view, y
    downwards; `angle` is in the units of the format; `quality` is 1..100, 0 or `NOT_REPORTED` not reported, other
    values as the vendor wrote them.
    """

    kind: int
    x: int
    y: int
    angle: int
    quality: int


class Sampling(NamedTuple):
    """The image of a view: size in pixels, 0 if the extractor did not say, and pixels per centimetre."""

    width: int
    height: int
    x_resolution: int
    y_resolution: int


class QualityBlock(NamedTuple):
    """A quality score of a view (0..100, 254 not reported, 255 failed) and who computed it how."""

    score: int
    vendor: int
    algorithm: int


class Certification(NamedTuple):
    """Who certified the capture device, and under which scheme (ISO/IEC 19794-2:2011)."""

    authority: int
    scheme: int


@dataclass(frozen=True, slots=True)
class Capture:
    """How a view was captured, in the editions since 2009, in which each view says so for itself.

    Attributes:
        sampling: of the image of this view.
        qualities: one in ANSI records, any number in ISO records; the first is the `quality` of the view.
        moment: date and time in UTC as the nine octets of ISO/IEC 19794-1:2011; all 255 for unknown. ISO only, as is
            all that follows.
        technology, vendor, device: of the capture device; 0 for unknown.
        certifications: of the capture device.
        ending_type: 0 if endings are placed at the forks of valley skeletons, 1 at the ends of ridge skeletons.
        minutia_qualities: whether the record spends an octet a minutia on its quality.
    """

    sampling: Sampling
    qualities: tuple[QualityBlock, ...] = ()
    moment: bytes = b"\xff" * 9
    technology: int = 0
    vendor: int = 0
    device: int = 0
    certifications: tuple[Certification, ...] = ()
    ending_type: int = 0
    minutia_qualities: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """One impression of one finger.

    Attributes:
        position: the finger; unknown if the record does not say or names a group of fingers.
        number: tells several views of one finger apart; 0..15 before 2009, 0..255 since.
        impression: impression type code as recorded (0 live-scan plain, 1 live-scan rolled, 2 nonlive plain,
            3 nonlive rolled, 8 swipe, in the editions since 2009 also 20 to 29); 0..15 before 2009, 0..255 since.
        quality: 0..100 as the extractor reported it, other values as the vendor wrote them.
        minutiae: at most 255.
        extended: the extended data block without its length, kept as it came; nothing in it is interpreted.
        group: position code of the group of fingers that the view shows (13 to 15 and 40 to 50, editions since 2009);
            0 for a single finger.
        capture: in the editions since 2009; None in the older ones.
    """

    position: Position
    number: int
    impression: int
    quality: int
    minutiae: tuple[RecordMinutia, ...]
    extended: bytes = b""
    group: int = 0
    capture: Capture | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A minutiae record with at least one view.

    Attributes:
        views: the impressions.
        width, height: size of the image in pixels; 0 if the extractor did not say or each view says it for itself.
        x_resolution, y_resolution: pixels per centimetre; 0 if each view says it for itself.
        certification: of the capture device as recorded: 4 bits before 2009, 8 bits in ANSI records since, whether the
            views list certifications (0 or 1) in ISO records since.
        device: capture device type; 12 bits before 2009, 16 bits in ANSI records since, 0 in ISO records since.
        product_owner, product_type: what wrote the record (ANSI only).
        format: where the record came from or what it is to be written as; see `angle_units`.
    """

    views: tuple[View, ...]
    width: int = 0
    height: int = 0
    x_resolution: int = 0
    y_resolution: int = 0
    certification: int = 0
    device: int = 0
    product_owner: int = 0
    product_type: int = 0
    format: Format = Format.ISO_2005

    def sampling(self, view: View) -> Sampling:
        """Return size and resolution of the image of one of the views."""
        if view.capture is not None:
            return view.capture.sampling
        return Sampling(self.width, self.height, self.x_resolution, self.y_resolution)

    @property
    def angle_units(self) -> int:
        """Angle units a turn: 180 (2 degrees each) in ANSI records, 64 in the compact card format, else 256.

        An ANSI record with an angle of 180 units or more cannot be in units of 2 degrees. Records that were made from
        ISO records with the angles left as they were exist; such a record is taken to be in the units of ISO.
        """
        if self.format is Format.ISO_2005_CARD_COMPACT:
            return 64
        if self.format not in _ANSI or any(m.angle >= _ANSI_ANGLES for view in self.views for m in view.minutiae):
            return 256
        return _ANSI_ANGLES
